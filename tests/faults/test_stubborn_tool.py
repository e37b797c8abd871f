"""A tool that ignores SIGTERM, uses its grace to grow, was stopped by somebody, or is stuck in the kernel."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from memguard.core.part import TOOL
from memguard.host import freeze, run_state, signals
from memguard.host.run_state import is_stopped
from memguard.watchdog import part_action
from memguard.watchdog.part_action import ENDED, REMAINING, THAWED
from tests.guard_rig import MB, GuardRig
from tests.sandbox import wait_until
from tests.unit.host.workshop import gone

if TYPE_CHECKING:
    from memguard.core.identity import ProcessId

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = bytearray(40 << 20)
held[::4096] = b"x" * (40 << 8)
print("ready", flush=True)
time.sleep(120)
"""
# Answers SIGTERM by growing 4 MB every 20 ms, to 400 MB at the most; says how far it has come.
DEFIANT = """
import signal, time
held = []
def grow(*_):
    while len(held) < 100:
        block = bytearray(4 << 20)
        block[::4096] = b"x" * 1024
        held.append(block)
        print(4 * len(held), flush=True)
        time.sleep(0.02)
signal.signal(signal.SIGTERM, grow)
held = [bytearray(b"x" * (40 << 20))]
print("ready", flush=True)
while True: time.sleep(1)
"""


def test_one_that_ignores_sigterm_is_killed_after_its_grace(rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_action, "_GRACE_S", 0.3)
    rig.begin_call("toolu_1")
    root = rig.python(TOOL, DEAF)
    outcome, action = rig.end(rig.excess(root))
    assert (outcome, action.forced) == (ENDED, True)
    assert gone(root)
    (event,) = rig.events("part_ended")
    assert (event["forced"], event["remaining"]) == (True, 0)
    assert rig.notes()["toolu_1"]["forced"] == "1", "the model reads that it had no time to write anything down"


def test_one_that_uses_its_grace_to_grow_does_not_get_all_of_it(rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a grace of a minute it would have come to 400 MB; 40 MB more stand for what a busy machine lets through."""
    monkeypatch.setattr(part_action, "_GRACE_S", 60.0)
    root = rig.python(TOOL, DEFIANT)
    outcome, action = rig.end(rig.excess(root))
    assert (outcome, action.forced) == (ENDED, True)
    assert gone(root)
    grown = int(rig.said()[-1]) * MB
    assert grown <= 1.05 * action.frozen_bytes + 40 * MB
    assert grown >= 4 * MB, "it did grow"


def test_a_tool_that_somebody_has_stopped_is_ended_all_the_same(rig: GuardRig) -> None:
    """SIGTERM reaches it only once it goes on."""
    root = rig.hold(TOOL, 30)
    os.kill(root.pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(root.pid), "a stopped tool")
    outcome, action = rig.end(rig.excess(root, 30 * MB))
    assert (outcome, action.forced) == (ENDED, False)
    assert gone(root)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> list[ProcessId]:
    """Doubles, since uninterruptible sleep can't be had at will: who is in the list takes no signal, and shows `D`."""
    found: list[ProcessId] = []
    send = signals.send

    def send_to_others(who: ProcessId, number: int) -> bool:
        return True if who in found else send(who, number)

    monkeypatch.setattr(signals, "send", send_to_others)
    monkeypatch.setattr("memguard.host.sweep.send", send_to_others)
    monkeypatch.setattr(freeze, "is_still", lambda pid: pid in [who.pid for who in found] or run_state.is_still(pid))
    return found


def test_one_that_is_stuck_in_the_kernel_is_named_as_remaining_and_costs_a_bounded_time(
    rig: GuardRig, monkeypatch: pytest.MonkeyPatch, stuck: list[ProcessId]
) -> None:
    """Fixture, see `stuck`. It can't allocate while it is in there; its turn comes again when it is back."""
    monkeypatch.setattr(part_action, "_GRACE_S", 0.1)
    monkeypatch.setattr(part_action, "_FORCE_S", 0.1)
    root = rig.hold(TOOL, 30)
    stuck.append(root)
    excess = rig.excess(root, 30 * MB)
    outcome, _ = rig.end(excess)
    assert outcome == REMAINING
    assert not gone(root)
    assert rig.events("part_frozen")[0]["held_all"]
    assert rig.events("part_ended")[0]["remaining"] == 1
    rig.session.culprits.not_ended(excess)
    rig.session.settings.tools.clear()
    assert rig.session.culprits.find() is None, "not again and again"
    stuck.clear()
    monkeypatch.setattr(part_action, "_FORCE_S", 20.0)
    assert rig.end(rig.excess(root, 30 * MB))[0] == ENDED


def test_one_that_is_stuck_and_holds_less_is_let_go_on(rig: GuardRig, stuck: list[ProcessId]) -> None:
    """Fixture, see `stuck`."""
    root = rig.hold(TOOL, 30)
    stuck.append(root)
    assert rig.end(rig.excess(root, 900 * MB))[0] == THAWED
    assert not gone(root)
