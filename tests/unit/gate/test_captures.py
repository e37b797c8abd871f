"""Which events start a capture, with what, and when it is left to the watchdog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memguard.core.layout import CAPTURE_WANTED, COMPILED, GUARD, PAUSE, read_pairs, write_pairs
from memguard.core.pause import FOR_EVER
from memguard.host.linux import footprint_bytes
from tests.sandbox import Sandbox, wait_until
from tests.worker_log import WorkerLog

from .conftest import SESSION

MB = 1024**2
# Holds 100 MB that three more processes share, and says so.
SHARER = """
import os, sys, time
held = bytearray(100 << 20)
held[::4096] = b"x" * (100 << 8)
for _ in range(3):
    if not os.fork():
        time.sleep(60)
        os._exit(0)
print("ready", flush=True)
sys.stdin.read()
os.killpg(0, 9)
"""


class Session:
    """A session whose client is this process; what its hooks start ends at once."""

    def __init__(self, box: Sandbox, guard: Path) -> None:
        self.box = box
        self.guard = guard
        self.workers = WorkerLog(box, runs=False)
        self.mark = guard / f"{CAPTURE_WANTED}-{SESSION}"
        self.transcript = box.home / ".claude" / "projects" / "-x" / f"{SESSION}.jsonl"
        self.transcript.parent.mkdir(parents=True)
        self.transcript.write_bytes(b"x" * 506 + b"\n")

    def fire(self, script: str, transcript: str = "", **fields: object) -> dict[str, Any]:
        """One event; what the hook answered, {} for nothing."""
        event = {"session_id": SESSION, "transcript_path": transcript or str(self.transcript), "cwd": "/x", **fields}
        done = self.box.hook(script, json.dumps(event, separators=(",", ":")).encode())
        assert (done.returncode, done.stderr) == (0, b"")
        answer: dict[str, Any] = json.loads(done.stdout or b"{}")
        return answer

    def captures(self, count: int = 1) -> list[str]:
        """The command lines of the captures, once there are so many."""
        wait_until(lambda: len(self.workers.captures()) >= count, f"{count} captures; {self.box.log()}")
        return self.workers.captures()

    def compile(self, folder: Path, **pairs: object) -> None:
        """Change a compiled configuration."""
        path = str(folder / COMPILED)
        write_pairs(path, {**read_pairs(path), **pairs})

    def limits(self, emergency_bytes: int) -> None:
        """Critical from 1 MB on."""
        self.compile(self.guard, warning_bytes=MB, critical_bytes=MB, emergency_bytes=emergency_bytes)


@pytest.fixture
def session(opted_in: Sandbox, guard: Path) -> Session:
    return Session(opted_in, guard)


@pytest.mark.parametrize(
    ("script", "reasons"),
    [
        ("session_start", ["session start"]),
        ("stop", ["end of turn"]),
        ("pre_compact", ["before compaction"]),
        ("user_prompt_submit", []),
        ("pre_tool_use", []),
        ("post_tool_use", []),
        ("subagent_stop", []),
        ("session_end", []),
    ],
)
def test_a_session_is_captured_at_its_start_each_turns_end_and_before_compaction(
    session: Session, script: str, reasons: list[str]
) -> None:
    assert session.fire(script) == {}
    session.captures(len(reasons))
    assert session.workers.reasons() == reasons
    assert session.box.log() == []


def test_a_worker_is_told_ids_and_paths_and_nothing_that_was_said(session: Session) -> None:
    session.fire("stop", stop_hook_active=False, last_assistant_message="the secret answer")
    (line,) = session.captures()
    words = f"--session {SESSION} --transcript {session.transcript} --cwd /x --client {os.getpid()}:"
    assert words in line
    assert f"--wanted {session.mark}" in line
    assert "secret" not in line


@pytest.mark.parametrize(("script", "turn_bytes"), [("stop", 507), ("pre_compact", -1), ("session_start", -1)])
def test_only_at_the_end_of_a_turn_is_something_still_to_be_written(
    session: Session, script: str, turn_bytes: int
) -> None:
    session.fire(script)
    session.captures()
    assert int(read_pairs(str(session.mark))["turn"]) == turn_bytes


def test_a_worker_that_is_dead_holds_up_nothing(session: Session) -> None:
    session.fire("stop")
    session.captures()
    worker = wait_until(lambda: read_pairs(str(session.mark)).get("worker", ""), "the name of the worker")
    wait_until(lambda: not Path(f"/proc/{worker.split(':')[0]}").exists(), "its end, without having read")
    session.fire("stop")
    session.captures(2)


def test_a_session_that_began_before_its_guard_is_recorded_at_the_end_of_its_turn(session: Session) -> None:
    assert not (session.guard / "sessions").exists()
    session.fire("stop")
    session.captures()
    assert read_pairs(str(session.guard / "sessions" / SESSION))["transcript"] == str(session.transcript)


def test_a_path_that_can_be_no_transcript_is_not_passed_on(session: Session) -> None:
    session.fire("stop", "/etc/shadow")
    assert "shadow" not in session.captures()[0]
    assert "hook Stop: transcript path refused" in session.box.log()[0]


def test_an_event_without_a_session_starts_nothing(session: Session) -> None:
    assert session.box.hook("stop", b'{"transcript_path":"/x"}').returncode == 0
    assert not list(session.guard.glob(f"{CAPTURE_WANTED}*"))


def test_where_no_mark_can_be_made_the_session_is_captured_without(session: Session) -> None:
    session.mark.mkdir()
    session.fire("stop")
    session.captures()
    assert "hook Stop: no mark: " in session.box.log()[0]


def test_an_interpreter_that_is_gone_is_said_and_costs_the_event_nothing(session: Session) -> None:
    session.compile(session.box.state_folder, python="/nowhere/python")
    assert session.fire("stop") == {}
    assert "hook Stop: no capture: /nowhere/python can't be started" in session.box.log()[0]


@pytest.fixture
def at_emergency(session: Session) -> Session:
    """A session that `memguard run` started, over every limit, with a watchdog that listens."""
    write_pairs(str(session.guard / GUARD), {"restartable": 1, "state": session.box.state})
    session.limits(MB)
    return session


@pytest.mark.parametrize("script", ["stop", "pre_compact", "session_start"])
def test_at_the_emergency_limit_the_capture_is_the_watchdogs(at_emergency: Session, script: str) -> None:
    at_emergency.fire(script)
    assert not at_emergency.mark.exists()
    assert at_emergency.workers.captures() == []


@pytest.mark.parametrize("why", ["paused", "observe", "not restartable", "no watchdog", "critical only"])
def test_where_the_watchdog_will_not_act_the_hook_captures_all_the_same(at_emergency: Session, why: str) -> None:
    if why == "paused":
        (at_emergency.guard / PAUSE).write_text(f"until_utc={FOR_EVER}\n")
    elif why == "observe":
        at_emergency.compile(at_emergency.guard, mode="observe")
    elif why == "not restartable":
        write_pairs(str(at_emergency.guard / GUARD), {"restartable": 0, "why": "a test"})
    elif why == "no watchdog":
        (at_emergency.guard / "wake").unlink()
    else:
        at_emergency.limits(1 << 40)
    at_emergency.fire("stop")
    at_emergency.captures()


@pytest.fixture
def sharers() -> Iterator[None]:
    """Four processes in this client's tree whose memory is counted four times over."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", SHARER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    ) as first:  # fmt: skip
        assert first.stdout
        assert first.stdout.readline() == b"ready\n"
        yield
        first.communicate(b"")


@pytest.mark.usefixtures("sharers")
def test_what_only_seems_to_be_over_the_emergency_limit_is_captured(at_emergency: Session) -> None:
    """The sum counts shared memory once per process; the watchdog, which measures it once, won't act."""
    # This test process is the client. The sharers hold 100 MB, and seem to hold 400.
    at_emergency.limits(footprint_bytes(os.getpid()) + 250 * MB)
    at_emergency.fire("stop")
    (line,) = at_emergency.box.spool()
    assert line["state"] == "EMERGENCY"
    at_emergency.captures()
