"""A tool that is gone, or becomes another process, at any moment between the decision and its end."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from memguard.core.part import TOOL
from memguard.core.reading import ProcessReading
from memguard.host.run_state import is_stopped
from memguard.watchdog import part_action
from memguard.watchdog.part_action import ENDED, REMAINING, PartAction
from tests.guard_rig import GuardRig
from tests.sandbox import wait_until
from tests.unit.host.workshop import gone

if TYPE_CHECKING:
    from memguard.core.identity import ProcessId

TWO = """
import os, time
if not os.fork(): time.sleep(120)
print("ready", flush=True)
time.sleep(120)
"""


def kill(who: ProcessId) -> None:
    os.kill(who.pid, signal.SIGKILL)
    wait_until(lambda: gone(who), "its end")


def test_gone_before_the_freeze(rig: GuardRig) -> None:
    root = rig.hold(TOOL, 1)
    excess = rig.excess(root)
    kill(root)
    outcome, action = rig.end(excess)
    assert (outcome, action.held) == (REMAINING, [])
    assert (rig.events(), rig.notes()) == ([], {})
    assert not (rig.guard / "frozen").exists()


@pytest.mark.parametrize("moment", ["_is_confirmed", "_capture", "_end"])
def test_gone_while_it_was_frozen(rig: GuardRig, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Somebody else killed it: the person, or the kernel for want of memory."""
    root = rig.hold(TOOL, 1)
    excess = rig.excess(root)
    step = getattr(PartAction, moment)

    def killed_first(action: PartAction) -> object:
        kill(root)
        return step(action)

    monkeypatch.setattr(PartAction, moment, killed_first)
    outcome, _ = rig.end(excess)
    assert outcome == (part_action.THAWED if moment == "_is_confirmed" else ENDED)
    assert [event["remaining"] for event in rig.events("part_ended")] == ([] if moment == "_is_confirmed" else [0])
    assert not (rig.guard / "frozen").exists()


def test_half_of_it_gone(rig: GuardRig) -> None:
    root = rig.python(TOOL, TWO)
    excess = rig.excess(root)
    child = next(process.pid for process in excess.part.processes if process.pid != root.pid)
    kill(root)
    outcome, action = rig.end(excess)
    assert (outcome, [who.pid for who in action.held]) == (ENDED, [child])
    assert all(gone(who) for who in action.held)


def test_a_pid_that_was_given_away_before_the_freeze(rig: GuardRig) -> None:
    """Each member of the part is another process now: nobody is touched."""
    root, strangers = rig.hold(TOOL, 1), [rig.hold(TOOL, 1) for _ in range(3)]
    excess = rig.excess(root)
    excess.part.processes = [ProcessReading(who.pid, 1, who.start_ticks - 1, 1 << 30) for who in strangers]
    kill(root)
    assert rig.end(excess)[0] == REMAINING
    assert not any(gone(who) or is_stopped(who.pid) for who in strangers)


def test_a_client_that_is_gone_leaves_its_tools_to_the_sweep(rig: GuardRig) -> None:
    root = rig.hold(TOOL, 1)
    excess = rig.excess(root)
    os.kill(rig.session.subject.client.pid, signal.SIGKILL)
    wait_until(lambda: not rig.session.has_client(), "the client's end")
    rig.session.look()
    assert rig.session.parts.now == []
    assert rig.end(excess)[0] == ENDED, "a decision that was taken before is carried out all the same"
