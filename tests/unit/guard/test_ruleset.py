"""What is decided, and what comes before what."""

import pytest

from memguard.core.settings import RestartLimits
from memguard.guard.ruleset import RESTART, RESTART_NOW, WAIT, WATCH, WOULD, View, decide

from .limits import PAIRS

LIMITS = RestartLimits(PAIRS)


def _action(state: str, **known: object) -> str:
    view = View(state, "guard")
    for name, value in known.items():
        setattr(view, name, value)
    return decide(view, LIMITS).action


@pytest.mark.parametrize("state", ["NORMAL", "WARNING"])
def test_below_critical_nothing_is_restarted(state: str) -> None:
    assert _action(state, at_boundary=True) == WATCH


def test_critical_waits_for_a_turn_boundary() -> None:
    assert _action("CRITICAL") == WAIT
    assert _action("CRITICAL", at_boundary=True) == RESTART


def test_at_a_boundary_a_footprint_that_still_moves_is_waited_for() -> None:
    assert _action("CRITICAL", at_boundary=True, is_settled=False) == WAIT


def test_critical_does_not_wait_longer_than_the_boundary_timeout() -> None:
    assert _action("CRITICAL", over_s=119) == WAIT
    assert _action("CRITICAL", over_s=120) == RESTART


def test_growth_that_will_not_hold_is_not_waited_out() -> None:
    assert _action("CRITICAL", forecast_s=4.0) == RESTART_NOW


def test_emergency_waits_for_nothing() -> None:
    assert _action("EMERGENCY", is_stopped=True) == RESTART_NOW


def test_the_peak_of_a_resuming_client_sets_off_nothing() -> None:
    assert _action("CRITICAL", is_starting=True, at_boundary=True) == WATCH
    assert _action("EMERGENCY", is_starting=True, is_resume_peak=True) == WATCH


def test_a_starting_client_beyond_any_resume_peak_or_on_a_short_host_is_an_emergency() -> None:
    assert _action("EMERGENCY", is_starting=True) == RESTART_NOW
    assert _action("EMERGENCY", is_starting=True, is_resume_peak=True, is_host_short=True) == RESTART_NOW


def test_a_stopped_client_is_left_alone_until_it_goes_on() -> None:
    assert _action("CRITICAL", is_stopped=True, at_boundary=True) == WATCH


def test_observe_mode_only_says_it() -> None:
    assert _action("EMERGENCY", mode="observe") == WOULD


@pytest.mark.parametrize("known", [{"is_paused": True}, {"is_restartable": False}])
def test_the_persons_pause_and_the_clients_limits_come_first(known: dict[str, bool]) -> None:
    assert _action("EMERGENCY", **known) == WATCH


def test_the_persons_own_request_is_carried_out_at_a_boundary_even_when_paused_or_observing() -> None:
    assert _action("NORMAL", is_requested=True) == WAIT
    assert _action("NORMAL", mode="observe", is_requested=True, at_boundary=True, is_paused=True) == RESTART


def test_the_reason_is_said() -> None:
    view = View("CRITICAL", "guard")
    view.over_s = 130
    assert decide(view, LIMITS).reason == "footprint over the critical limit for 130 s without a turn boundary"


def test_a_request_does_not_wait_for_a_boundary_for_ever() -> None:
    """A background task that is over says nothing, so the boundary may never show."""
    assert _action("NORMAL", is_requested=True, requested_s=119) == WAIT
    assert _action("NORMAL", is_requested=True, requested_s=120) == RESTART
