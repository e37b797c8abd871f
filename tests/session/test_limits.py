"""`[limits]` in a real session: what its tools can't do, what holds for all of it, and what `status` says."""

from __future__ import annotations

import json
import os
import resource
import shlex
import sys
from pathlib import Path

import pytest

from memguard.core.layout import read_pairs
from tests.guard_rig import GuardRig
from tests.sandbox import Sandbox, wait_until

MB = 1024 * 1024
# Waits until it is limited, then takes more than it may; says what came of it, and waits.
GREEDY = """
import os, resource, sys, time
with open(sys.argv[1], "w") as file: file.write(f"{os.getpid()}\\n")
while resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY: time.sleep(0.01)
try:
    held, said = bytearray(200 << 20), "held"
except MemoryError:
    said = "refused"
with open(sys.argv[1], "a") as file: file.write(f"{said}\\n")
time.sleep(60)
"""


def start(box: Sandbox, limits: str, log: Path) -> list[str]:
    """A session with a greedy tool; the lines that the tool has written."""
    box.config(f"[limits]\n{limits}\n")
    box.memguard("init")
    program = box.folder / "tool.py"
    program.write_text(GREEDY)
    box.start("--steps=1", "--hold", f"--tool={shlex.join([sys.executable, '-I', '-S', str(program), str(log)])}")
    wait_until(lambda: log.exists() and len(log.read_text().split()) == 2, "the tool", 30)
    return log.read_text().split()


def test_a_tool_gets_no_more_than_its_limits_and_its_client_has_none(sandbox: Sandbox, tmp_path: Path) -> None:
    pid, said = start(sandbox, 'tool_memory = 100\ntool_cpu_time = "10m"\ntool_nice = 4', tmp_path / "said")
    assert said == "refused"
    tool, client = int(pid), sandbox.client_pid()
    assert resource.prlimit(tool, resource.RLIMIT_CPU) == (600, 605)
    assert os.getpriority(os.PRIO_PROCESS, tool) == 4
    assert resource.prlimit(client, resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY
    assert resource.prlimit(client, resource.RLIMIT_CPU)[0] == resource.RLIM_INFINITY
    assert os.getpriority(os.PRIO_PROCESS, client) == 0
    status = sandbox.memguard("status").stdout
    assert "kernel     100 MB for each process of a tool" in status
    assert "tools at nice 4" in status


def test_the_session_gets_its_limits_before_its_client_begins(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.config('[limits]\nsession_cpu_time = "1h"\nsession_memory = 900\n')
    sandbox.memguard("init")
    sandbox.start("--steps=1", "--hold")
    client = wait_until(sandbox.client_pid, "the client")
    status = wait_until(lambda: json.loads(sandbox.memguard("status", "--json").stdout), "status")
    limits = wait_until(lambda: json.loads(sandbox.memguard("status", "--json").stdout)[0]["kernel_limits"], "limits")
    assert resource.prlimit(client, resource.RLIMIT_CPU) == (3600, 3605)
    (guard,) = sandbox.guards()
    memory = read_pairs(str(guard / "containment")).get("memory", "")
    if status[0]["mechanism"] != "cgroup-v1":
        assert limits[0] == "900 MB for the session (NOT SET: no control group counts its memory)"
        pytest.skip(f"{status[0]['mechanism']} counts no memory here")
    assert limits[0] == "900 MB for the session"
    assert Path(memory, "memory.limit_in_bytes").read_text().strip() == str(900 * MB)
    assert f"/memguard-{guard.name}" in Path(f"/proc/{client}/cgroup").read_text()
    assert tmp_path


def test_a_limit_that_cannot_be_set_is_said_once_in_events_log_and_status(sandbox: Sandbox) -> None:
    sandbox.config('[limits]\nsession_memory = 900\n[containment]\nmechanism = "process-tree"\n')
    sandbox.memguard("init")
    sandbox.start("--steps=1", "--hold")
    (event,) = wait_until(lambda: sandbox.events("limit_not_set"), "the event")
    assert (event["limit"], event["why"]) == ("session_memory", "no control group counts this session's memory")
    assert "limit_not_set" in sandbox.memguard("log", "--level", "warning").stdout
    wait_until(lambda: "NOT SET" in sandbox.memguard("status").stdout, "status")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
def test_another_users_tool_is_named_and_not_limited(make_rig: object) -> None:
    assert callable(make_rig)
    rig: GuardRig = make_rig(tool_memory_bytes=100 * MB)
    code = "print('ready', flush=True); import time; time.sleep(60)"
    words = ["setpriv", "--reuid", "65534", "--clear-groups", sys.executable, "-I", "-S", "-c", code]
    others = rig.start("tool", *words)
    rig.look()
    rig.look()
    (event,) = rig.events("limit_not_set")
    assert (event["why"], event["pid"]) == ("another user's process", others.pid)
    told = Path(f"/proc/{others.pid}/limits").read_text().splitlines()
    assert [line.split()[-3] for line in told if line.startswith("Max data size")] == ["unlimited"]


def test_neither_hooks_nor_servers_are_limited(make_rig: object) -> None:
    assert callable(make_rig)
    rig: GuardRig = make_rig(tool_memory_bytes=100 * MB, tool_nice=5)
    kinds = {kind: rig.hold(kind, 1) for kind in ("tool", "hook", "mcp")}
    rig.look()
    found = {kind: resource.prlimit(who.pid, resource.RLIMIT_DATA)[0] for kind, who in kinds.items()}
    assert found == {"tool": 100 * MB, "hook": resource.RLIM_INFINITY, "mcp": resource.RLIM_INFINITY}
