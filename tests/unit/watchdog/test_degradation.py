"""The watchdog's part in degradation: what it writes down, tells, and takes back, with real processes."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from memguard.core.layout import PAUSE, read_pairs, write_pairs
from memguard.core.part import OTHER
from memguard.host.linux import read_tree
from memguard.watchdog.blindness import Blindness
from tests.guard_rig import MB, GuardRig
from tests.sandbox import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from memguard.core.identity import ProcessId

LIMITS = {"warning_bytes": 1 * MB, "critical_bytes": 60 * MB, "emergency_bytes": 4000 * MB}


@pytest.fixture
def spent(make_rig: Callable[..., GuardRig]) -> GuardRig:
    """A session that may not be restarted (any more), below its critical limit."""
    return _judged(make_rig(max_attempts=0, **LIMITS))


def _judged(rig: GuardRig) -> GuardRig:
    rig.session.look()
    rig.session.subject.is_starting = False
    return rig


def _update(rig: GuardRig) -> str:
    rig.session.look()
    rig.session.degradation.update(is_part_due=False)
    return rig.session.degradation.mode


def _grown(rig: GuardRig) -> ProcessId:
    return rig.hold(OTHER, 80)


def _shrunk(rig: GuardRig, who: ProcessId) -> None:
    os.kill(who.pid, signal.SIGKILL)
    wait_until(lambda: read_tree(rig.session.subject.client.pid).footprint_bytes < 40 * MB, "memory is back")


def _file(rig: GuardRig) -> Path:
    return rig.guard / "degradation"


def test_a_mode_that_denies_is_written_down_told_and_taken_back(spent: GuardRig) -> None:
    assert _update(spent) == "WARNING"
    assert not _file(spent).exists()
    holder = _grown(spent)
    assert _update(spent) == "READ_ONLY"
    pairs = read_pairs(str(_file(spent)))
    assert (pairs["mode"], pairs["limit_bytes"], pairs["below_bytes"]) == ("READ_ONLY", f"{60 * MB}", f"{54 * MB}")
    assert pairs["why"] == "0 restarts in 60 min, the limit is 0"
    assert int(pairs["footprint_bytes"]) >= 60 * MB
    assert _file(spent).stat().st_mode & 0o777 == 0o600
    ((name, note),) = spent.notes().items()
    assert name.startswith("mode-")
    assert (note["mode"], note["before"]) == ("READ_ONLY", "WARNING")
    os.unlink(spent.guard / "notes" / name)  # a hook has told it
    _shrunk(spent, holder)
    assert _update(spent) == "WARNING"
    assert not _file(spent).exists()
    ((_, note),) = spent.notes().items()
    assert (note["mode"], note["before"]) == ("WARNING", "READ_ONLY")
    assert [event["mode"] for event in spent.events("degradation_changed")] == ["WARNING", "READ_ONLY", "WARNING"]


def test_what_is_over_before_anybody_read_of_it_is_not_told(spent: GuardRig) -> None:
    holder = _grown(spent)
    assert _update(spent) == "READ_ONLY"
    _shrunk(spent, holder)
    _update(spent)
    assert spent.notes() == {}
    assert not (spent.guard / "notes").exists(), "the next hook is quiet"


def test_a_pause_lifts_it(spent: GuardRig) -> None:
    _grown(spent)
    assert _update(spent) == "READ_ONLY"
    write_pairs(f"{spent.guard}/{PAUSE}", {"until_utc": "for ever"})
    assert _update(spent) == "WARNING"
    assert not _file(spent).exists()


@pytest.mark.parametrize("changed", [{"mode": "observe"}, {"degradation": "0"}], ids=["observe", "switched off"])
def test_where_it_may_not_act_it_denies_nothing(make_rig: Callable[..., GuardRig], changed: dict[str, object]) -> None:
    rig = _judged(make_rig(max_attempts=0, **LIMITS, **changed))
    _grown(rig)
    assert _update(rig) == "WARNING"
    assert not _file(rig).exists()


def test_a_session_that_is_never_restarted_is_not_degraded_either(spent: GuardRig) -> None:
    guard = read_pairs(str(spent.guard / "guard"))
    write_pairs(str(spent.guard / "guard"), {**guard, "restartable": "0"})
    _grown(spent)
    assert _update(spent) == "WARNING"


def test_a_reset_of_the_persons_lifts_it(make_rig: Callable[..., GuardRig]) -> None:
    rig = _judged(make_rig(max_attempts=1, **LIMITS))
    rig.session.protection().record_attempt(success=True, reason="test")
    _grown(rig)
    assert _update(rig) == "READ_ONLY"
    rig.session.protection().reset()
    assert _update(rig) == "WARNING"


def test_a_reset_lifts_it_while_memory_cannot_be_read_too(
    make_rig: Callable[..., GuardRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = _judged(make_rig(max_attempts=1, **LIMITS))
    rig.session.protection().record_attempt(success=True, reason="test")
    _grown(rig)
    assert _update(rig) == "READ_ONLY"
    monkeypatch.setattr(Blindness, "look", lambda *_: None)
    rig.session.subject.blindness.is_blind = True
    assert _update(rig) == "READ_ONLY"
    rig.session.protection().reset()
    assert _update(rig) == "WARNING"
    assert not _file(rig).exists()


@pytest.fixture
def tried(make_rig: Callable[..., GuardRig]) -> tuple[GuardRig, ProcessId]:
    """A session over its critical limit that could not be restarted, and what holds its memory."""
    rig = _judged(make_rig(**LIMITS))
    holder = _grown(rig)
    rig.session.degradation.note_try("no snapshot can be taken: the disk is full")
    assert _update(rig) == "READ_ONLY"
    assert _update(rig) == "READ_ONLY", "as long as nothing has changed"
    return rig, holder


def test_an_old_failure_is_forgotten_when_the_memory_is_back(tried: tuple[GuardRig, ProcessId]) -> None:
    """What was true then is no reason to deny anything at the next crossing: a restart is tried first."""
    rig, holder = tried
    _shrunk(rig, holder)
    _update(rig)
    rig.session.degradation.mode = "NORMAL"
    _grown(rig)
    assert _update(rig) == "WARNING"


def test_an_old_failure_is_forgotten_with_its_client(tried: tuple[GuardRig, ProcessId]) -> None:
    rig, _ = tried
    rig.session.take_up(rig.session.subject.client, 1)
    rig.session.look()
    rig.session.subject.is_starting = False
    assert _update(rig) == "WARNING"


def test_an_old_failure_is_forgotten_at_a_reset(tried: tuple[GuardRig, ProcessId]) -> None:
    rig, _ = tried
    rig.session.protection().reset()
    assert _update(rig) == "WARNING"


def test_a_mode_that_cannot_be_written_is_written_later(spent: GuardRig) -> None:
    _grown(spent)
    _file(spent).mkdir()
    assert _update(spent) == "READ_ONLY"
    assert "degradation not written" in spent.log()
    _file(spent).rmdir()
    _update(spent)
    assert read_pairs(str(_file(spent)))["mode"] == "READ_ONLY"


def test_a_mode_that_another_watchdog_left_is_taken_back(make_rig: Callable[..., GuardRig]) -> None:
    rig = _judged(make_rig(**LIMITS))
    write_pairs(str(_file(rig)), {"mode": "EMERGENCY"})
    _update(rig)
    assert not _file(rig).exists()


def test_a_mode_has_the_watchdog_look_more_often(make_rig: Callable[..., GuardRig]) -> None:
    intervals = {"normal_interval_s": 30, "warning_interval_s": 15, "critical_interval_s": 5}
    rig = _judged(make_rig(warning_bytes=1000 * MB, critical_bytes=2000 * MB, emergency_bytes=3000 * MB, **intervals))
    _update(rig)
    assert rig.session.degradation.longest_pause_s() == 30
    rig.session.protection().record_attempt(success=True, reason="test")
    assert _update(rig) == "WARNING", "protection is cooling down"
    assert rig.session.degradation.longest_pause_s() == 15
