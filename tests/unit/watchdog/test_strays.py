"""What has left the tree of a client that nothing contains: with real processes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from memguard.core.part import TOOL
from memguard.host import current, identity
from memguard.host.containment.base import PROCESS_TREE
from tests.sandbox import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from memguard.core.identity import ProcessId
    from tests.guard_rig import GuardRig

# Becomes a daemon at once: in a process session of its own, reparented, before anybody has looked.
DAEMON = """
import os, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
held = bytearray(40 << 20)
held[::4096] = b"x" * (40 << 8)
print(os.getpid(), flush=True)
time.sleep(120)
"""

# Leaves its parent when it is told to.
LEAVES_LATER = """
import os, sys, time
if os.fork():
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    os._exit(0)
os.setsid()
print(os.getpid(), flush=True)
time.sleep(120)
"""


def record_session(rig: GuardRig) -> None:
    (rig.guard / "sessions").mkdir()
    (rig.guard / "sessions" / "s1").write_text("transcript=\ncwd=\n")


def daemon(rig: GuardRig, session: str) -> int:
    """A tool's daemon, and nothing else of the tool."""
    words = ("env", f"CLAUDE_CODE_SESSION_ID={session}", sys.executable, "-I", "-S", "-c", DAEMON)
    root = rig.start(TOOL, *words)
    wait_until(lambda: identity.identify(root.pid) is None, "the tool's end")
    return int(rig.said()[0])


def in_reading(rig: GuardRig) -> set[int]:
    return {process.pid for process in rig.session.subject.reading.processes}


def test_a_daemon_that_nobody_saw_counts_by_the_sessions_id(rig: GuardRig) -> None:
    assert rig.session.containment.mechanism == PROCESS_TREE
    record_session(rig)
    pid = daemon(rig, "s1")
    parts = rig.look()
    assert pid in in_reading(rig)
    (part,) = (part for part in parts if part.root.pid == pid)
    assert part.kind == TOOL
    assert part.footprint_bytes > 40 << 20


def test_one_of_another_session_does_not(rig: GuardRig) -> None:
    record_session(rig)
    other = daemon(rig, "s2")
    rig.look()
    assert other not in in_reading(rig)


def test_one_of_another_client_that_has_resumed_the_session_does_not(rig: GuardRig) -> None:
    """Its variable names that client."""
    record_session(rig)
    words = ("env", "CLAUDE_CODE_SESSION_ID=s1", f"CLAUDE_PID={os.getpid()}", sys.executable, "-I", "-S", "-c", DAEMON)
    root = rig.start(TOOL, *words)
    wait_until(lambda: identity.identify(root.pid) is None, "the tool's end")
    rig.look()
    assert int(rig.said()[0]) not in in_reading(rig)


def test_who_was_seen_in_the_tree_counts_after_it_has_left(rig: GuardRig, tmp_path: Path) -> None:
    """Also without the session's id, by every reading that follows."""
    go = tmp_path / "go"
    root: ProcessId = rig.python(TOOL, LEAVES_LATER, go)
    child = int(rig.said()[0])
    rig.look()
    go.touch()
    wait_until(lambda: current.parent_pid(child) != root.pid, "the orphan")
    for _ in range(3):
        rig.look()
        assert child in in_reading(rig)
