"""What is decided, and what comes before what."""

import pytest

from memguard.core.identity import ProcessId
from memguard.core.part import TOOL, Part
from memguard.core.settings import RestartLimits
from memguard.guard.excess import Excess
from memguard.guard.ruleset import END_PART, RESTART, RESTART_NOW, WAIT, WATCH, WOULD, Decision, View, decide

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


def _excess(limit: str = "the default budget", kind: str = TOOL) -> Excess:
    return Excess(Part(kind, "Bash", ProcessId(7, 1, "boot", "1"), []), 100, limit, 100)


def _decision(state: str, **known: object) -> Decision:
    view = View(state, "guard")
    view.excess = _excess()
    for name, value in known.items():
        setattr(view, name, value)
    return decide(view, LIMITS)


@pytest.mark.parametrize("state", ["NORMAL", "WARNING", "CRITICAL", "EMERGENCY"])
def test_a_part_over_its_limit_goes_instead_of_the_session_at_once(state: str) -> None:
    assert _decision(state).action == END_PART
    assert _decision(state, at_boundary=True, over_s=500, is_settled=True).action == END_PART


def test_why_a_part_goes_is_said() -> None:
    assert _decision("NORMAL").reason == "Bash is over the default budget"


@pytest.mark.parametrize(
    "known",
    [
        {"is_starting": True},
        {"is_starting": True, "is_resume_peak": True},
        {"is_stopped": True},
        {"is_restartable": False},
        {"is_others_turn": True},
        {"is_host_victim": True, "at_boundary": True},
        {"is_requested": True, "at_boundary": True},
    ],
    ids="+".join,
)
def test_what_holds_a_restart_back_does_not_hold_the_end_of_a_part_back(known: dict[str, bool]) -> None:
    """A session that can't be restarted loses its leaking tool all the same: that is all that can be done for it."""
    assert _decision("CRITICAL", **known).action == END_PART


def test_a_pause_holds_for_parts_too() -> None:
    decision = _decision("EMERGENCY", is_paused=True)
    assert (decision.action, decision.reason) == (WATCH, "paused by the person")


def test_a_restart_that_the_person_asks_for_in_a_pause_does_not_end_a_part_that_nobody_spoke_of() -> None:
    assert _decision("NORMAL", is_paused=True, is_requested=True, at_boundary=True).action == RESTART
    assert _decision("NORMAL", is_paused=True, is_requested=True).action == WAIT


def test_observe_mode_only_says_which_part_it_would_have_ended() -> None:
    decision = _decision("CRITICAL", mode="observe")
    assert (decision.action, decision.reason) == (WOULD, "Bash is over the default budget")
    assert _decision("CRITICAL", mode="observe", is_requested=True, at_boundary=True).action == WOULD


def test_an_idle_session_that_was_agreed_on_is_restarted_below_every_limit_of_its_own() -> None:
    known = {"is_host_victim": True, "host_reason": "the sessions hold too much"}
    decision = _decision("NORMAL", excess=None, at_boundary=True, **known)
    assert (decision.action, decision.reason) == (
        RESTART, "the sessions hold too much; this one is idle and the largest",
    )  # fmt: skip
    assert _decision("NORMAL", excess=None, **known).action == WAIT


def test_a_busy_one_that_was_agreed_on_goes_when_waiting_would_cost_the_host() -> None:
    known = {"is_host_victim": True, "excess": None}
    assert _decision("NORMAL", **known, victim_s=119).action == WAIT
    assert _decision("NORMAL", **known, victim_s=120).action == RESTART
    assert _decision("NORMAL", **known, is_host_short=True).action == RESTART


def test_never_two_sessions_at_once_but_for_an_emergency() -> None:
    others = {"is_others_turn": True, "excess": None, "at_boundary": True}
    assert _decision("CRITICAL", **others).action == WAIT
    assert _decision("CRITICAL", **others, over_s=500).action == WAIT
    assert _decision("CRITICAL", **others, forecast_s=1.0).action == RESTART_NOW
    assert _decision("EMERGENCY", **others).action == RESTART_NOW
