"""What follows where a part of memguard fails: monitoring, capture, restart, configuration, one test each."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from memguard.core.layout import private_dir, write_pairs
from memguard.core.lock import FileLock
from memguard.core.part import OTHER
from memguard.core.ticket import Ticket
from memguard.guard import ruleset
from memguard.watchdog import loop
from memguard.watchdog.loop import Watchdog
from memguard.watchdog.restart import Restart
from memguard.watchdog.restart_captures import RestartCaptures
from tests.guard_rig import MB, GuardRig

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = {"warning_bytes": 1 * MB, "critical_bytes": 60 * MB, "emergency_bytes": 4000 * MB}


@pytest.fixture
def over(make_rig: Callable[..., GuardRig]) -> GuardRig:
    """A session over its critical limit, which the client itself is to blame for."""
    rig = make_rig(**LIMITS)
    rig.hold(OTHER, 80)
    rig.session.look()
    rig.session.subject.is_starting = False
    return rig


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The reasons of captures beside a restart, none of which is made."""
    reasons: list[str] = []
    monkeypatch.setattr(loop, "capture_detached", lambda _, reason: reasons.append(reason))
    return reasons


@pytest.fixture
def no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures fail."""

    def take(captures: RestartCaptures, *_: Any) -> bool:
        captures.error = "the disk is full"
        return False

    monkeypatch.setattr(RestartCaptures, "take", take)


def test_monitoring_fails_and_the_conversation_is_saved_by_time(
    make_rig: Callable[..., GuardRig], captured: list[str]
) -> None:
    rig = make_rig(**LIMITS)
    watchdog = Watchdog(rig.session)
    rig.session.look()
    rig.session.subject.blindness.is_blind, begun_s = True, time.monotonic()
    for second in (0.0, 30.0, 61.0, 300.0, 662.0):
        if rig.session.subject.blindness.is_check_due(begun_s + second):
            watchdog._check_by_time()
    assert captured == ["memory can't be read"] * 2
    assert len(rig.events("memory_unreadable")) == 2
    assert rig.session.degradation.mode == "NORMAL", "nothing is denied by a size that nobody knows"


@pytest.mark.usefixtures("no_snapshot")
def test_a_capture_fails_and_an_emergency_goes_on_without(over: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    monkeypatch.setattr(Restart, "_is_still_due", lambda _: True)
    monkeypatch.setattr(Restart, "_prepare", lambda self: begun.append(self.ticket.attempt))
    monkeypatch.setattr(Restart, "_end_client", lambda _: True)
    monkeypatch.setattr(Restart, "settle_up", lambda _: None)
    restart = Restart(over.session, ruleset.Decision(ruleset.RESTART_NOW, "footprint over the emergency limit"))
    assert restart.carry_out()
    assert begun == [1]
    assert over.events("state_missing")[0]["why"] == "the disk is full"


@pytest.mark.usefixtures("no_snapshot")
def test_a_capture_fails_below_the_emergency_and_the_session_goes_on_reading(
    over: GuardRig, captured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is ended that could not be saved; until the emergency, what writes is held back."""
    decision = ruleset.Decision(ruleset.RESTART, "footprint over the critical limit")
    monkeypatch.setattr(ruleset, "decide", lambda *_: decision)
    Watchdog(over.session)._act()
    assert over.session.degradation.mode == "READ_ONLY"
    assert "no snapshot can be taken: the disk is full" in (over.guard / "degradation").read_text()
    assert over.session.has_client()
    assert over.session.protection().attempts() == []
    assert captured == []


def test_a_restart_fails_and_read_only_follows(over: GuardRig) -> None:
    over.session.protection().record_attempt(success=False, reason="back over the limit")
    over.session.look()
    over.session.degradation.update(is_part_due=False)
    assert over.session.degradation.mode == "READ_ONLY"
    assert "the last restart failed" in (over.guard / "degradation").read_text()


def test_a_client_that_does_not_end_is_a_failed_restart(over: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Restart, "_snapshot", lambda _: True)
    monkeypatch.setattr(Restart, "_is_still_due", lambda _: True)
    monkeypatch.setattr(Restart, "_end_client", lambda _: False)
    assert not Restart(over.session, ruleset.Decision(ruleset.RESTART, "test")).carry_out()
    assert over.session.protection().statistics["failed"] == 1
    assert over.events("restart_failed")[0]["why"] == "the client did not end"


def test_the_configuration_fails_and_what_was_read_first_still_holds(over: GuardRig) -> None:
    before = over.session.settings
    for data in (b"", b"mode=guard\n", b"critical_bytes=x\n"):
        (over.project / "compiled").write_bytes(data)
        over.session.look()
        assert over.session.settings is before
    os.unlink(over.project / "compiled")
    over.session.look()
    assert over.session.settings is before


@pytest.mark.parametrize(
    ("is_urgent", "has_launcher", "goes_on"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_an_attempt_that_cannot_be_recorded_is_made_only_where_it_must_and_the_launcher_counts(
    over: GuardRig, monkeypatch: pytest.MonkeyPatch, is_urgent: bool, has_launcher: bool, goes_on: bool
) -> None:
    def refuse(_: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(over.session, "protection", lambda: SimpleNamespace(begin_attempt=refuse))
    monkeypatch.setattr(over.session, "has_launcher", lambda: has_launcher)
    action = ruleset.RESTART_NOW if is_urgent else ruleset.RESTART
    restart = Restart(over.session, ruleset.Decision(action, "test"))
    if goes_on:
        assert restart._begin()
        assert "attempt not recorded" in over.log()
    else:
        with pytest.raises(OSError, match="No space"):
            restart._begin()


@pytest.fixture
def due(over: GuardRig, monkeypatch: pytest.MonkeyPatch) -> GuardRig:
    """The same, to be restarted now, with a snapshot; whoever signals it fails the test."""
    decision = ruleset.Decision(ruleset.RESTART, "footprint over the critical limit")
    monkeypatch.setattr(ruleset, "decide", lambda *_: decision)
    monkeypatch.setattr(Restart, "_snapshot", lambda _: True)
    monkeypatch.setattr(Restart, "_end_client", lambda _: pytest.fail("signalled"))
    return over


@pytest.mark.usefixtures("captured")
def test_a_full_runtime_folder_fails_the_restart_in_order_and_read_only_follows(
    due: GuardRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what could not be done nothing stays: no attempt under way, no ticket, no mark."""

    def refuse(_: Ticket, path: str) -> None:
        Path(path).touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ticket, "write", refuse)
    write_pairs(f"{private_dir(f'{due.guard}/in-flight')}/0", {"tool": "Bash"})
    Watchdog(due.session)._act_safely()
    counts = due.session.protection().statistics
    assert (counts["failed"], counts["pending"]) == (1, 0)
    assert not (due.guard / "ticket").exists()
    assert not (due.guard / "in-flight").exists()
    assert "No space left" in due.events("restart_failed")[0]["why"]
    assert due.session.degradation.mode == "READ_ONLY"


@pytest.mark.usefixtures("captured")
def test_a_record_that_is_locked_is_followed_by_read_only(due: GuardRig) -> None:
    """The lock's holder is stopped; an earlier restart's marks are still wanted."""
    lock = FileLock(f"{due.state}/protection.json.lock")
    assert lock.acquire(blocking=False)
    write_pairs(f"{private_dir(f'{due.guard}/in-flight')}/0", {"tool": "Bash"})
    Watchdog(due.session)._act_safely()
    lock.release()
    assert due.session.degradation.mode == "READ_ONLY"
    assert "is held by another process" in (due.guard / "degradation").read_text()
    assert due.session.protection().attempts() == []
    assert (due.guard / "in-flight").exists()
