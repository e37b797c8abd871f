"""A tool that forks faster than it is listed: held, or named as not held; and nothing of it is left.

Each program here stops by itself after a number of forks, whatever memguard does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memguard.core.part import TOOL
from memguard.host.run_state import is_stopped, run_state
from memguard.watchdog.part_action import ENDED, REMAINING
from tests.sandbox import wait_until

if TYPE_CHECKING:
    from memguard.core.identity import ProcessId
    from tests.guard_rig import GuardRig

MOST_FORKS = 300
# Forks children as fast as it can, each of which stays; a byte in the file for each.
FAN = """
import os, sys, time
held = bytearray(20 << 20)
held[::4096] = b"x" * (20 << 8)
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
print("ready", flush=True)
while not os.path.exists(sys.argv[2]): time.sleep(0.001)
for _ in range(int(sys.argv[3])):
    if not os.fork():
        time.sleep(120)
        os._exit(0)
    os.write(log, b".")
time.sleep(120)
"""
# Hands itself on: each generation forks the next one, and ends.
CHAIN = """
import os, sys, time
held = bytearray(20 << 20)
held[::4096] = b"x" * (20 << 8)
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
print("ready", flush=True)
while not os.path.exists(sys.argv[2]): time.sleep(0.001)
if not os.fork():
    for _ in range(int(sys.argv[3])):
        if os.fork(): os._exit(0)
        os.write(log, b".")
        time.sleep(0.005)
    os._exit(0)
time.sleep(120)
"""


class Forker:
    """A tool that forks once `go` is called."""

    def __init__(self, rig: GuardRig, code: str, most: int = MOST_FORKS) -> None:
        self._log, self._go = rig.folder / "forks", rig.folder / "go"
        self.most = most
        self.root: ProcessId = rig.python(TOOL, code, self._log, self._go, most)

    def go(self) -> None:
        """Begin, and be in the middle of it when this returns."""
        self._go.touch()
        wait_until(lambda: self.forks() >= 3, "the first forks")

    def forks(self) -> int:
        return self._log.stat().st_size


def alive(rig: GuardRig) -> list[int]:
    """All of the rig but its client."""
    client = rig.session.subject.client.pid
    return [pid for pid in rig.pids() if pid != client and run_state(pid) not in ("", "Z")]


def test_a_fan_of_children_is_held_whole_and_ended_whole(rig: GuardRig) -> None:
    forker = Forker(rig, FAN)
    excess = rig.excess(forker.root)
    forker.go()
    outcome, action = rig.end(excess)
    forks = forker.forks()
    assert outcome == ENDED
    (frozen,) = rig.events("part_frozen")
    assert frozen["held_all"], "who forks children that stay is caught: each round stops the one who forks"
    assert len(action.held) >= forks, "the root, and every child but perhaps the last, which was written down late"
    assert forker.forks() == forks
    assert alive(rig) == []


def test_a_chain_is_held_or_said_not_to_be_and_does_not_live_on(rig: GuardRig) -> None:
    """Its parents are gone, so that only the process session that the tool began tells whose it is."""
    forker = Forker(rig, CHAIN, 1500)
    excess = rig.excess(forker.root)
    forker.go()
    outcome, _ = rig.end(excess)
    left, forks = alive(rig), forker.forks()
    if outcome == ENDED:
        assert left == []
        assert forks < forker.most, "it was ended, and not only waited out"
    else:
        assert outcome == REMAINING
        assert rig.events("part_ended")[0]["remaining"]
    wait_until(lambda: not alive(rig), "the end of the chain")


def test_whatever_is_not_ended_is_not_left_stopped_either(rig: GuardRig) -> None:
    forker = Forker(rig, CHAIN, 300)
    excess = rig.excess(forker.root, limit_bytes=1 << 40)
    forker.go()
    rig.end(excess)
    assert rig.events("part_thawed")
    wait_until(lambda: not any(is_stopped(pid) for pid in alive(rig)), "all of them go on")
    forks = forker.forks()
    wait_until(lambda: forker.forks() > forks or forker.forks() == forker.most, "the chain goes on")


@pytest.mark.parametrize("code", [FAN, CHAIN], ids=["fan", "chain"])
def test_the_programs_of_this_file_stop_by_themselves(rig: GuardRig, code: str) -> None:
    forker = Forker(rig, code, 20)
    forker.go()
    wait_until(lambda: forker.forks() == 20, "the last fork")
    assert Path(f"/proc/{forker.root.pid}").exists()
    assert len(alive(rig)) <= 21
