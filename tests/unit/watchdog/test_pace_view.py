"""What the pause follows from, of a session as it was just read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memguard.core.part import CLIENT, MCP, TOOL
from memguard.watchdog.neighbours import Neighbours
from memguard.watchdog.pace import NO_LIMIT_BYTES, PaceView
from memguard.watchdog.pace_view import pace_view
from tests.guard_rig import MB, GuardRig

if TYPE_CHECKING:
    from collections.abc import Callable


def view(rig: GuardRig, cost_s: float = 0.0) -> PaceView:
    rig.look()
    return pace_view(rig.session, cost_s)


def test_a_session_at_rest(rig: GuardRig) -> None:
    found = view(rig, cost_s=0.002)
    held_bytes = rig.session.subject.reading.footprint_bytes
    assert found.session_headroom_bytes == (4 << 30) - held_bytes
    assert found.tool_headroom_bytes == NO_LIMIT_BYTES
    assert (found.state, found.longest_s, found.cost_s, found.has_call) == ("NORMAL", 30.0, 0.002, False)


def test_a_call_in_flight_is_seen_before_its_process_is(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"default": 500 * MB, "Bash(pytest*)": 100 * MB})
    rig.begin_call("toolu_1", budget_index=1)
    found = view(rig)
    assert (found.has_call, found.tool_headroom_bytes) == (True, 100 * MB)


@pytest.mark.parametrize("index", [-1, 7])
def test_a_call_without_a_budget_has_no_limit_of_its_own(make_rig: Callable[..., GuardRig], index: int) -> None:
    rig = make_rig({"mcp": 500 * MB})
    rig.begin_call("toolu_1", budget_index=index)
    assert view(rig).tool_headroom_bytes == NO_LIMIT_BYTES


def test_the_nearest_budget_counts(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"default": 400 * MB, "mcp": 100 * MB})
    rig.hold(TOOL, 50)
    server = rig.hold(MCP, 30)
    found = view(rig)
    assert found.tool_headroom_bytes == 100 * MB - rig.part(server).footprint_bytes


def test_the_client_has_no_budget(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"default": 1})
    assert view(rig).tool_headroom_bytes == NO_LIMIT_BYTES
    assert [part.kind for part in rig.session.parts.now] == [CLIENT]


def test_a_budget_that_is_crossed_is_no_deadline(make_rig: Callable[..., GuardRig]) -> None:
    """Who had to act has been told: a tool that can't be ended must not make the watchdog spin."""
    rig = make_rig({"default": 1 * MB})
    rig.hold(TOOL, 20)
    found = view(rig)
    assert found.tool_headroom_bytes <= 0
    assert found.headroom_bytes() > 1 << 30


@pytest.mark.parametrize(
    ("left_bytes", "together_bytes", "expected_bytes"),
    [(700 * MB, 300.0 * MB, 300 * MB), (700 * MB, 900.0 * MB, 700 * MB), (-1, 300.0 * MB, 300 * MB)],
)
def test_the_host_or_the_budget_of_all_sessions_whichever_is_nearer(
    rig: GuardRig, monkeypatch: pytest.MonkeyPatch, left_bytes: int, together_bytes: float, expected_bytes: int
) -> None:
    rig.look()
    rig.session.shortage.left_bytes = left_bytes
    monkeypatch.setattr(Neighbours, "headroom_bytes", together_bytes)
    assert pace_view(rig.session, 0).host_headroom_bytes == expected_bytes


def test_a_host_that_says_nothing_is_no_limit(rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.look()
    rig.session.shortage.left_bytes = -1
    monkeypatch.setattr(Neighbours, "headroom_bytes", float("inf"))
    assert pace_view(rig.session, 0).host_headroom_bytes >= 1 << 60


def test_what_grew_since_the_confirmation_is_taken_as_held(make_rig: Callable[..., GuardRig]) -> None:
    """PSS is read once a second over a limit: sharing that it found away must not hide growth until then."""
    rig = make_rig(warning_bytes=60 * MB, critical_bytes=3000 * MB, emergency_bytes=4000 * MB)
    rig.hold(TOOL, 80)
    found = view(rig)
    subject = rig.session.subject
    assert found.state == "WARNING"
    assert found.session_headroom_bytes == 3000 * MB - subject.confirmed_bytes
    subject.reading.processes[0].footprint_bytes += 500 * MB
    assert pace_view(rig.session, 0).session_headroom_bytes == 2500 * MB - subject.confirmed_bytes
    subject.reading.processes[0].footprint_bytes -= 900 * MB
    assert pace_view(rig.session, 0).session_headroom_bytes == 3000 * MB - subject.confirmed_bytes


def test_each_state_has_its_own_bound(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig(warning_interval_s=17)
    assert view(rig).longest_s == 30.0
    rig.session.subject.state = "WARNING"
    assert pace_view(rig.session, 0).longest_s == 17.0


def test_growth_and_start_are_the_subjects(rig: GuardRig) -> None:
    rig.look()
    subject = rig.session.subject
    subject.is_starting = True
    subject.trend.add(1000.0, 100 * MB)
    subject.trend.add(1001.0, 150 * MB)
    found = pace_view(rig.session, 0)
    assert (found.is_starting, found.growth_bytes_per_s) == (True, 50 * MB)
