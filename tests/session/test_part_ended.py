"""A tool that is the culprit is ended, and the session goes on: with real processes and the leaky client."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from memguard.host.run_state import is_stopped
from tests.sandbox import Sandbox, wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

MB = 1024 * 1024

# Grows to a size at a rate, both in MB, and then waits; it notes its pid, and every 4 MB how far it has come.
HOG = """\
import os, sys, time
rate, most, log = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
if "setsid" in sys.argv and os.fork():
    time.sleep(60)
    sys.exit()
if "setsid" in sys.argv:
    os.setsid()
held, begun, size = [], time.monotonic(), 0
with open(log, "a") as file:
    file.write(f"{os.getpid()}\\n")
while size < most:
    block = bytearray(4 << 20)
    block[::4096] = b"x" * 1024
    held.append(block)
    size += 4
    with open(log, "a") as file:
        file.write(f"{size}\\n")
    time.sleep(max(0, begun + size / rate - time.monotonic()))
time.sleep(60)
"""

# Five processes that share 300 MB: by fork, or as a mapped file in shared memory.
SHARERS = """\
import mmap, os, sys, time
size = 300 << 20
if sys.argv[1] == "fork":
    held = bytearray(size)
else:
    held = mmap.mmap(-1, size)
held[::4096] = b"x" * (size // 4096)
for _ in range(4):
    if not os.fork():
        sum(held[::4096])
        break
open(sys.argv[2], "a").write("ready\\n")
time.sleep(60)
"""


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """Opted in, with a budget of 200 MB for every tool call."""
    sandbox.config('[tools]\ndefault = "200MB"\n')
    sandbox.memguard("init")
    return sandbox


def start(box: Sandbox, tmp_path: Path, program: str, *words: object) -> subprocess.Popen[bytes]:
    """A guarded session whose one tool call is a program."""
    path = tmp_path / "tool.py"
    path.write_text(program)
    command = shlex.join([sys.executable, "-I", "-S", str(path), *map(str, words)])
    return box.start("--steps=1", "--hold", "--leak-mb=1", f"--tool={command}")


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def part_event(box: Sandbox, name: str) -> dict[str, Any]:
    return wait_until(lambda: box.events(name), name)[0]


def transcript(box: Sandbox) -> str:
    return "".join(path.read_text() for path in box.home.glob(".claude/projects/*/*.jsonl"))


@pytest.mark.parametrize("how", ["", "setsid"])
def test_a_tool_over_its_budget_is_ended_and_the_session_keeps_its_process(
    box: Sandbox, tmp_path: Path, how: str
) -> None:
    log = tmp_path / "log"
    start(box, tmp_path, HOG, 100, 600, log, how)
    ended = part_event(box, "part_ended")
    pid, *sizes = map(int, lines(log))
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the hog")
    assert max(sizes) <= 300, "ended before it held 100 MB over its budget"
    assert 200 * MB <= ended["footprint_bytes"] <= 300 * MB
    assert (ended["kind"], ended["limit"], ended["remaining"]) == ("tool", "the default budget", 0)
    wait_until(lambda: "Exit code" in transcript(box), "the tool's result")
    assert not box.events("restart_initiated")
    assert box.client_pid()


def test_the_model_reads_what_was_ended_and_over_what(box: Sandbox, tmp_path: Path) -> None:
    start(box, tmp_path, HOG, 100, 600, tmp_path / "log")
    text = wait_until(lambda: transcript(box) if "the default budget" in transcript(box) else "", "the note")
    context = next(json.loads(line) for line in text.splitlines() if "attachment" in line)["context"]
    assert "200 MB" in context
    snapshot = part_event(box, "part_ended")["snapshot"]
    assert snapshot
    assert snapshot in box.memguard("snapshots", "list").stdout
    guard = box.guards()[0]
    assert not (guard / "notes").exists() or not list((guard / "notes").iterdir()), "told once"


@pytest.mark.parametrize("how", ["fork", "shm"])
def test_processes_that_share_their_memory_are_left_alone(box: Sandbox, tmp_path: Path, how: str) -> None:
    """Five times 300 MB by the sum, 300 MB in truth, under a budget of 500."""
    box.config('[tools]\ndefault = "500MB"\n')
    box.memguard("init")
    log = tmp_path / "log"
    client = start(box, tmp_path, SHARERS, how, log)
    wait_until(lambda: len(lines(log)) == 5, "five sharers")
    thawed = part_event(box, "part_thawed")
    assert thawed["sum_bytes"] > 500 * MB > thawed["footprint_bytes"] >= 250 * MB
    assert not box.events("part_ended")
    assert client.poll() is None
    wait_until(lambda: not [pid for pid in box.pids() if is_stopped(pid)], "all of them going on")


def test_observing_only_says_what_would_be_ended(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.config('mode = "observe"\n[tools]\ndefault = "100MB"\n')
    sandbox.memguard("init")
    log = tmp_path / "log"
    start(sandbox, tmp_path, HOG, 200, 200, log)
    event = part_event(sandbox, "memory_threshold_exceeded")
    assert event["would"] == "end a part"
    wait_until(lambda: lines(log)[-1:] == ["200"], "all of it")
    assert not sandbox.events("part_frozen")


def test_without_a_budget_the_culprit_of_the_sessions_limit_is_ended(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.config('[thresholds]\nwarning = "150MB"\ncritical = "250MB"\nemergency = "2GB"\n')
    sandbox.memguard("init")
    start(sandbox, tmp_path, HOG, 100, 600, tmp_path / "log")
    assert part_event(sandbox, "part_ended")["limit"] == "the session's critical limit"
    assert not sandbox.events("restart_initiated")


def test_a_watchdog_killed_with_a_tool_frozen_leaves_it_to_its_successor(box: Sandbox, tmp_path: Path) -> None:
    """It is thawed, and ended as it should have been."""
    log = tmp_path / "log"
    start(box, tmp_path, HOG, 100, 190, log)
    wait_until(lambda: lines(log)[-1:] == ["188"] or lines(log)[-1:] == ["192"], "a tool below its budget")
    pid, watchdog = int(lines(log)[0]), box.watchdog_pid()
    identity = next(line for line in _identity(pid))
    (box.guards()[0] / "frozen").write_text(f"{identity}\n")
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(pid), "the stopped tool")
    os.kill(watchdog, signal.SIGKILL)
    wait_until(lambda: not is_stopped(pid), "the thawed tool")
    assert not (box.guards()[0] / "frozen").exists()


def _identity(pid: int) -> list[str]:
    from memguard.host.identity import identify

    who = identify(pid)
    return [who.to_text()] if who else []


def test_the_growth_of_each_tool_is_in_the_spool(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.memguard("init")
    program = "held = bytearray(80 << 20)\nheld[::4096] = b'x' * (80 << 8)\nimport time\ntime.sleep(1.5)\n"
    start(sandbox, tmp_path, program)
    (line,) = wait_until(lambda: [line for line in sandbox.spool() if line["event"] == "ToolEnd"], "the tool's line")
    assert line["tool"] == "Bash"
    assert line["tool_use_id"]
    assert 80 * MB <= line["peak_bytes"] <= 120 * MB
