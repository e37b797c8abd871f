"""Which mode follows from memory and protection, and when it is left again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.core.degradation import EMERGENCY, MODES, NORMAL, READ_ONLY, WARNING
from memguard.core.thresholds import Thresholds
from memguard.guard.degradation import DegradationView, decide
from memguard.guard.restart_verdict import ALLOWED, COOLING, FAILING, HOST_FAILING, HOST_SPENT, LOST, SPENT, Verdict

LIMITS = Thresholds(100, 200, 300)
STUCK = (SPENT, FAILING, HOST_SPENT, HOST_FAILING, LOST)


def _view(held_bytes: int, kind: str = ALLOWED, **changed: bool) -> DegradationView:
    view = DegradationView(held_bytes, LIMITS, Verdict(kind, "why"))
    for name, value in changed.items():
        setattr(view, name, value)
    return view


@pytest.mark.parametrize(
    ("held_bytes", "kind", "mode"),
    [
        (50, ALLOWED, NORMAL), (100, ALLOWED, WARNING), (350, ALLOWED, WARNING), (50, COOLING, WARNING),
        (350, COOLING, WARNING), (50, SPENT, WARNING), (199, SPENT, WARNING),
        *((200, kind, READ_ONLY) for kind in STUCK), *((300, kind, EMERGENCY) for kind in STUCK),
    ],
)  # fmt: skip
def test_tools_are_denied_only_where_memory_is_over_a_limit_and_no_restart_can_help(
    held_bytes: int, kind: str, mode: str
) -> None:
    assert decide(_view(held_bytes, kind), NORMAL) == mode


def test_a_mode_is_left_when_memory_is_well_below_the_limit_that_it_began_at() -> None:
    assert decide(_view(181, SPENT), READ_ONLY) == READ_ONLY
    assert decide(_view(179, SPENT), READ_ONLY) == WARNING
    assert decide(_view(271, SPENT), EMERGENCY) == EMERGENCY
    assert decide(_view(269, SPENT), EMERGENCY) == READ_ONLY
    assert decide(_view(91), WARNING) == WARNING
    assert decide(_view(89), WARNING) == NORMAL
    assert decide(_view(181, SPENT), WARNING) == WARNING


def test_it_is_left_when_a_restart_is_allowed_again() -> None:
    assert decide(_view(250, ALLOWED), READ_ONLY) == WARNING
    assert decide(_view(350, COOLING), EMERGENCY) == WARNING


def test_where_memguard_takes_no_action_nothing_is_denied() -> None:
    assert decide(_view(350, SPENT, is_acting=False), EMERGENCY) == WARNING


def test_a_client_that_starts_and_a_part_that_is_about_to_go_raise_no_mode() -> None:
    assert decide(_view(350, SPENT, is_judged=False), NORMAL) == NORMAL
    assert decide(_view(350, SPENT, is_judged=False), READ_ONLY) == READ_ONLY
    assert decide(_view(50, SPENT, is_judged=False), EMERGENCY) == WARNING
    assert decide(_view(150, is_judged=False), NORMAL) == WARNING


def test_without_a_reading_the_mode_stays() -> None:
    for mode in MODES:
        assert decide(_view(0, SPENT, is_blind=True), mode) == mode


@pytest.mark.parametrize(
    "view",
    [
        _view(0, SPENT, is_blind=True, is_acting=False),
        _view(0, ALLOWED, is_blind=True),
        _view(0, COOLING, is_blind=True),
    ],
    ids=["no action", "a reset", "a cool-down"],
)
def test_without_a_reading_nothing_is_denied_longer_than_memguard_may(view: DegradationView) -> None:
    assert [decide(view, mode) for mode in MODES] == [NORMAL, WARNING, WARNING, WARNING]


@given(
    readings=st.lists(st.integers(0, 400), min_size=2, max_size=40), kind=st.sampled_from([ALLOWED, COOLING, *STUCK])
)
def test_a_footprint_that_wavers_by_less_than_a_tenth_changes_the_mode_once_at_the_most(
    readings: list[int], kind: str
) -> None:
    base = readings[0]
    modes = [NORMAL]
    for reading in readings:
        held = min(max(reading, int(base * 0.951)), int(base * 1.049))
        modes.append(decide(_view(held, kind), modes[-1]))
    changes = [(a, b) for a, b in pairwise(modes[1:]) if a != b]
    assert len(changes) <= 1
