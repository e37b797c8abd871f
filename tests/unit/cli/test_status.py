"""What `memguard status` shows of a session's parts, of what holds it together, and of the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from memguard.cli.host_report import shown_host
from memguard.core.layout import CONTAINMENT, STATUS, VICTIM, WATCHDOG, client_record, project_key, write_pairs
from memguard.core.lock import FileLock
from memguard.host import current, identity
from tests.sandbox import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sandbox import Sandbox

MB = 1024 * 1024
PARTS = [
    {"kind": "tool", "name": "Bash", "call": "toolu_1", "footprint_bytes": 1200 * MB, "budget_bytes": 2048 * MB},
    {"kind": "client", "name": "client", "call": "", "footprint_bytes": 231 * MB, "budget_bytes": 0},
    {"kind": "mcp", "name": "\x1b[2Jserver\r", "call": "", "footprint_bytes": 80 * MB, "budget_bytes": 0},
]


@pytest.fixture
def guard(opted_in: Sandbox) -> Iterator[Path]:
    """A guard whose client is this process, with a watchdog that has looked."""
    folder = opted_in.runtime / "memguard" / "guards" / "00000000000000aa"
    folder.mkdir(parents=True, mode=0o700)
    own = identity.identify(os.getpid())
    assert own
    write_pairs(str(folder / "client"), {"id": own.to_text(), "generation": 0})
    pairs: dict[str, object] = {"kind": "launcher", "project_key": project_key(str(opted_in.project))}
    write_pairs(str(folder / "guard"), pairs | {"state": str(opted_in.state), "restartable": 1, "why": ""})
    (folder / STATUS).write_text(json.dumps({"parts": PARTS}))
    lock = FileLock(str(folder / WATCHDOG))
    assert lock.acquire(blocking=False)
    yield folder
    lock.release()


def _json(sandbox: Sandbox) -> dict[str, Any]:
    (found,) = json.loads(sandbox.memguard("status", "--json").stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("guard")
def test_the_parts_are_shown_with_their_sizes_and_budgets(opted_in: Sandbox) -> None:
    lines = [line.strip() for line in opted_in.memguard("status").stdout.splitlines()]
    assert "parts      tool   Bash: 1.2 GB of 2.0 GB" in lines
    assert "client: 231 MB" in lines
    assert "mcp    ?[2Jserver?: 80 MB" in lines
    assert [(part["kind"], part["footprint_bytes"]) for part in _json(opted_in)["parts"]] == [
        ("tool", 1200 * MB),
        ("client", 231 * MB),
        ("mcp", 80 * MB),
    ]


@pytest.mark.parametrize(
    "parts",
    ["text", 5, [1], ["x"], [{"kind": "tool", "footprint_bytes": -1}], [{"footprint_bytes": "9", "name": "x"}], {}],
)
def test_what_is_no_list_of_parts_is_left_out(opted_in: Sandbox, guard: Path, parts: object) -> None:
    (guard / STATUS).write_text(json.dumps({"parts": parts}))
    assert _json(opted_in)["parts"] == []
    opted_in.memguard("status")


def test_parts_of_a_watchdog_that_is_gone_are_not_shown(opted_in: Sandbox, guard: Path) -> None:
    (guard / WATCHDOG).unlink()
    assert _json(opted_in)["parts"] == []


def test_what_holds_the_session_together_is_named(opted_in: Sandbox, guard: Path) -> None:
    assert "/proc" in _json(opted_in)["containment"]  # what holds any session on this host
    write_pairs(str(guard / CONTAINMENT), {"name": "control group \x1b[1m(v1)", "mechanism": "cgroup-v1"})
    assert _json(opted_in)["containment"] == "control group ?[1m(v1)"
    assert _json(opted_in)["mechanism"] == "cgroup-v1"
    assert "held by    control group ?[1m(v1)" in opted_in.memguard("status").stdout


@pytest.mark.usefixtures("guard")
def test_the_host_is_shown_with_its_budget_and_what_is_left(opted_in: Sandbox) -> None:
    host = _json(opted_in)["host"]
    assert host["sessions"] == 1
    assert host["total_bytes"] > MB
    assert host["budget_bytes"] > host["total_bytes"]
    assert 0 < host["available_bytes"] <= host["memory_bytes"]
    last = opted_in.memguard("status").stdout.split("\n\n")[-1]
    assert last.startswith("host  1 session holds ")
    assert " available" in last
    assert host["victim"] == ""


def test_the_victim_that_the_sessions_agreed_on_is_named(opted_in: Sandbox, guard: Path) -> None:
    now_s = time.monotonic()
    pairs: dict[str, object] = {
        "guard": guard.name,
        "generation": 0,
        "boot": identity.boot_id(),
        "reason": "",
        "busy": 0,
    }
    pairs |= {"since_s": now_s, "until_s": now_s + 100, "taken": 1, "total_bytes": 1, "budget_bytes": 1, "passed": ""}
    write_pairs(str(opted_in.runtime / "memguard" / VICTIM), pairs)
    assert _json(opted_in)["host"]["victim"] == guard.name


def test_a_session_inside_another_counts_once(opted_in: Sandbox, guard: Path) -> None:
    """This process is the outer client; a child of it, which holds 150 MB, is guarded, too."""
    program = "block = bytearray(150 << 20); block[::4096] = b'x' * len(block[::4096]); input()"
    inner = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, start_new_session=True)
    try:
        wait_until(lambda: current.read_tree(inner.pid).footprint_bytes > 150 * MB, "the inner client is full")
        alone_bytes = _json(opted_in)["host"]["total_bytes"]
        _register(opted_in, os.getpid(), guard)
        _register(opted_in, inner.pid, guard.parent / "00000000000000bb")
        found = json.loads(opted_in.memguard("status", "--json").stdout)
        assert [each["host"]["sessions"] for each in found] == [2, 2]
        assert abs(found[0]["host"]["total_bytes"] - alone_bytes) < 100 * MB
    finally:
        inner.kill()
        inner.communicate()


def _register(sandbox: Sandbox, pid: int, folder: Path) -> None:
    """Make a process the client of a guard."""
    who = identity.identify(pid)
    assert who
    runtime = sandbox.runtime / "memguard"
    (runtime / "clients").mkdir(mode=0o700, exist_ok=True)
    write_pairs(client_record(str(runtime), pid), {"id": who.to_text(), "guard": folder.name})
    folder.mkdir(mode=0o700, exist_ok=True)
    write_pairs(str(folder / "client"), {"id": who.to_text(), "generation": 0})
    if not (folder / "guard").exists():
        write_pairs(str(folder / "guard"), {"state": str(sandbox.state), "project_key": "x"})


def test_a_host_that_says_nothing_is_shown_as_far_as_it_goes() -> None:
    silent: dict[str, object] = {"sessions": 3, "total_bytes": 3072 * MB, "budget_bytes": 0, "available_bytes": None}
    assert shown_host(silent | {"psi_some_avg10": None}) == "host  3 sessions hold 3.0 GB"
    stalled = shown_host(silent | {"psi_some_avg10": 12.4, "psi_full_avg10": 3.0})
    assert (
        stalled.splitlines()[1] == "  pressure   some process waited for memory for 12 % of 10 s, all of them for 3 %"
    )
