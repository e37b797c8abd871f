"""Who judges a restart: the watchdog that follows one that died, the next client's guard, and nobody too early."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from memguard.core.layout import read_pairs, write_pairs
from memguard.core.ticket import RESUME
from memguard.watchdog import end
from memguard.watchdog.loop import Watchdog
from memguard.watchdog.respawn import ByService, InTmux

if TYPE_CHECKING:
    from tests.guard_rig import GuardRig


def _outcomes(rig: GuardRig) -> tuple[object, object, object]:
    counts = rig.session.protection().statistics
    return counts["settled"], counts["failed"], counts["pending"]


def _began(rig: GuardRig) -> None:
    number, _ = rig.session.protection().begin_attempt("footprint over the critical limit")
    assert number == 1


@pytest.fixture
def of_job(rig: GuardRig) -> GuardRig:
    """A session whose attempts count by a background job."""
    write_pairs(str(rig.guard / "guard"), {**read_pairs(str(rig.guard / "guard")), "lineage": "job-1"})
    rig.session.look()
    return rig


@pytest.fixture
def ended(rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> GuardRig:
    """A session that is over, whose restart has been carried out; its folder stays for the test."""
    monkeypatch.setattr(end, "retire", lambda *_: None)
    _began(rig)
    rig.session.launcher = None
    rig.session.restarted_with = RESUME
    return rig


def test_an_attempt_that_a_watchdog_died_in_before_its_ticket_has_failed(rig: GuardRig) -> None:
    time.sleep(0.02)  # a process's start is known to 10 ms
    _began(rig)
    Watchdog(rig.session)._take_over()
    assert _outcomes(rig) == (0, 1, 0)


def test_an_attempt_that_brought_this_client_is_left_to_it(rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
    _began(rig)
    monkeypatch.setattr("memguard.host.started.started_utc", lambda _: time.time())
    Watchdog(rig.session)._take_over()
    assert _outcomes(rig) == (0, 0, 1)


def test_the_age_of_a_jobs_client_says_nothing(of_job: GuardRig) -> None:
    """The service may have kept its process in reserve since before the attempt."""
    time.sleep(0.02)
    _began(of_job)
    Watchdog(of_job.session)._take_over()
    assert _outcomes(of_job) == (0, 0, 1)


def test_the_next_client_of_a_job_says_how_its_restart_turned_out(of_job: GuardRig) -> None:
    _began(of_job)
    assert of_job.session.generation == 0
    Watchdog(of_job.session)._judge_restart()
    assert _outcomes(of_job) == (1, 0, 0)
    assert [event["helped"] for event in of_job.events("restart_completed")] == [True]


def test_a_first_client_that_settles_is_no_restart(rig: GuardRig) -> None:
    Watchdog(rig.session)._judge_restart()
    assert rig.events("restart_completed") == []


def test_a_restart_by_the_service_is_not_judged_by_the_guard_of_the_client_that_is_gone(ended: GuardRig) -> None:
    ended.session.relauncher = ByService(ended.session, "1")
    end.finish(ended.session)
    assert _outcomes(ended) == (0, 0, 1)


def test_one_that_nobody_follows_has_failed_when_the_session_is_over(ended: GuardRig) -> None:
    ended.session.relauncher = InTmux(ended.session)
    end.finish(ended.session)
    assert _outcomes(ended) == (0, 1, 0)
