"""How long the watchdog may look away, on a clock that the tests move."""

from __future__ import annotations

import gc
import random
import sys
from typing import Any

import pytest

from memguard.core.thresholds import CRITICAL, EMERGENCY, NORMAL, WARNING
from memguard.guard.trend import Trend
from memguard.watchdog.pace import NO_LIMIT_BYTES, Pace, PaceView

MB = 1_000_000
GB = 1000 * MB
LOOK_S = 0.0015
FLOOR_S = 0.010
FASTEST = 8 * GB
RATES = (50 * MB, 100 * MB, 500 * MB, GB, 3 * GB, FASTEST)
HEADROOMS = (1 * MB, 5 * MB, 20 * MB, 100 * MB, 500 * MB, 2 * GB, 8 * GB)


def view(state: str = NORMAL, longest_s: float = 30.0, **facts: Any) -> PaceView:
    made = PaceView(state, longest_s)
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def at_rest(facts: PaceView, looks: int = 5) -> tuple[Pace, float]:
    """A pace that has seen these facts for a while, and its last pause."""
    pace = Pace()
    return pace, [pace.next_s(facts) for _ in range(looks)][-1]


def seen_after_s(rate: float, headroom_bytes: int, phase: float, look_s: float) -> float:
    """Seconds from the crossing to the reading that shows it; filling begins `phase` of a pause before a reading."""
    facts = view(has_call=True, tool_headroom_bytes=headroom_bytes, cost_s=look_s)
    pace, pause_s = at_rest(facts)
    before_s, before = -phase * pause_s, 0.0
    now_s = pause_s + before_s
    while (held := rate * now_s) < headroom_bytes:
        facts.tool_headroom_bytes = max(1, int(headroom_bytes - held))
        facts.growth_bytes_per_s = (held - before) / (now_s - before_s)
        before_s, before = now_s, held
        now_s += pace.next_s(facts) + look_s
    return now_s - headroom_bytes / rate


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("headroom_bytes", HEADROOMS)
def test_a_fill_is_seen_within_the_shortest_pause_of_its_crossing(rate: int, headroom_bytes: int) -> None:
    """Where the headroom is gone before a second reading, the pause of a still session is what bounds it."""
    phases = [number / 20 for number in range(20)]
    still_s = at_rest(view(has_call=True, tool_headroom_bytes=headroom_bytes, cost_s=LOOK_S))[1]
    worst_s = max(seen_after_s(rate, headroom_bytes, phase, LOOK_S) for phase in phases)
    is_sudden = headroom_bytes / rate < 2 * still_s
    assert worst_s <= (still_s if is_sudden else FLOOR_S) + 2 * LOOK_S


def test_fills_of_random_speeds_and_headrooms() -> None:
    """With the fastest fill there is, from any headroom that outlasts two looks at rest."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    for _ in range(300):
        rate, look_s = 10 ** rng.uniform(7, 9.9), rng.uniform(0.0005, 0.0025)
        headroom_bytes = int(rate * rng.uniform(0.3, 20))
        assert seen_after_s(rate, headroom_bytes, rng.random(), look_s) <= FLOOR_S + 2 * look_s


def test_growth_on_a_slow_host_is_seen_within_four_looks() -> None:
    look_s = 0.01
    assert seen_after_s(100 * MB, 500 * MB, 0.5, look_s) <= 4 * look_s + 2 * look_s


@pytest.mark.parametrize("headroom_bytes", [1, MB, 20 * MB, 100 * MB, NO_LIMIT_BYTES])
@pytest.mark.parametrize(("has_call", "share"), [(True, 0.02), (False, 0.005)])
def test_a_still_session_costs_a_bounded_share_however_near_its_limit(
    headroom_bytes: int, has_call: bool, share: float
) -> None:
    facts = view(has_call=has_call, session_headroom_bytes=headroom_bytes, cost_s=LOOK_S)
    _, pause_s = at_rest(facts)
    assert LOOK_S / pause_s <= share * 1.0001


def test_the_beginning_of_a_call_is_watched_more_closely() -> None:
    facts = view(has_call=True, tool_headroom_bytes=100 * MB, cost_s=0.005)
    later_s = at_rest(facts)[1]
    facts.call_age_s = 1.0
    assert at_rest(facts)[1] <= later_s / 4


def test_an_hour_of_growth_and_stillness_by_turns_costs_a_bounded_share() -> None:
    """20 MB below its limit, growing by 4 MB in one reading of ten: a collector at work."""
    pace, passed_s, spent_s, looks = Pace(), 0.0, 0.0, 0
    while passed_s < 3600:
        growth = 40 * MB if looks % 10 == 0 else 0
        passed_s += pace.next_s(
            view(session_headroom_bytes=20 * MB, growth_bytes_per_s=growth, cost_s=LOOK_S, has_call=True)
        )
        spent_s += LOOK_S
        looks += 1
    assert spent_s / passed_s < 0.025


def test_eight_gigabytes_of_headroom_are_looked_at_every_few_seconds() -> None:
    _, pause_s = at_rest(view(session_headroom_bytes=8 << 30, cost_s=LOOK_S))
    assert LOOK_S / pause_s <= 0.001


@pytest.mark.parametrize(("state", "most_s"), [(NORMAL, 30), (WARNING, 1), (CRITICAL, 1), (EMERGENCY, 0.5)])
def test_the_interval_of_the_state_is_an_upper_bound(state: str, most_s: float) -> None:
    assert at_rest(view(state))[1] == most_s
    assert at_rest(view(state, longest_s=0.3))[1] == 0.3
    assert at_rest(view(state, longest_s=0.3, cost_s=1.0))[1] == 0.3


def test_a_client_that_starts_is_looked_at_twice_a_second() -> None:
    assert at_rest(view(is_starting=True))[1] == 0.5


@pytest.mark.parametrize("name", ["session_headroom_bytes", "tool_headroom_bytes", "host_headroom_bytes"])
def test_the_nearest_limit_counts(name: str) -> None:
    facts: dict[str, Any] = {name: 500 * MB, "has_call": True}
    assert at_rest(view(**facts))[1] < 0.1 < at_rest(view(has_call=True))[1]


@pytest.mark.parametrize("name", ["session_headroom_bytes", "tool_headroom_bytes", "host_headroom_bytes"])
def test_a_limit_that_is_crossed_is_no_deadline_and_not_forgotten(name: str) -> None:
    """A tool over its budget that may not be ended is looked at once a second, and doesn't hide the other limits."""
    facts: dict[str, Any] = {name: -MB, "has_call": True, "growth_bytes_per_s": GB}
    over = view(**facts)
    assert at_rest(over)[1] == 1.0
    other = next(each for each in ("host_headroom_bytes", "tool_headroom_bytes") if each != name)
    setattr(over, other, 100 * MB)
    assert at_rest(over)[1] < 0.1


def test_what_the_kernel_reports_need_not_be_polled_for() -> None:
    facts: dict[str, Any] = {"session_headroom_bytes": 100 * MB, "has_call": True, "cost_s": LOOK_S}
    assert at_rest(view(**facts))[1] < 0.1
    assert at_rest(view(**facts, is_reported=True))[1] == 30
    assert at_rest(view(**facts, is_reported=True, tool_headroom_bytes=100 * MB))[1] < 0.1


def test_one_dear_look_is_not_what_looks_cost() -> None:
    facts = view(has_call=True, tool_headroom_bytes=100 * MB, cost_s=LOOK_S)
    pace, usual_s = at_rest(facts)
    facts.cost_s = 0.2  # a capture was started
    assert pace.next_s(facts) == usual_s


def test_it_says_how_long_the_headroom_lasts() -> None:
    facts = view(has_call=True, tool_headroom_bytes=100 * MB, session_headroom_bytes=GB)
    pace, _ = at_rest(facts)
    assert pace.left_s == float("inf")
    facts.growth_bytes_per_s = 50 * MB
    pace.next_s(facts)
    assert pace.left_s == 2


def test_growth_is_remembered_over_a_pause_and_then_forgotten() -> None:
    facts = view(has_call=True, tool_headroom_bytes=20 * MB, cost_s=LOOK_S)
    pace, still_s = at_rest(facts)
    facts.growth_bytes_per_s = 400 * MB
    growing_s = pace.next_s(facts)
    facts.growth_bytes_per_s = 0.0
    pauses = [pace.next_s(facts) for _ in range(200)]
    assert growing_s < still_s / 4
    assert pauses[0] < still_s / 2
    assert pauses[-1] == still_s


def held_bytes(*roots: object) -> int:
    """The size of everything that can be reached from these, types left out."""
    found: dict[int, object] = {}
    queue = list(roots)
    while queue:
        each = queue.pop()
        if id(each) not in found and not isinstance(each, type):
            found[id(each)] = each
            queue += gc.get_referents(each)
    return sum(map(sys.getsizeof, found.values()))


def test_after_a_million_readings_nothing_has_grown() -> None:
    """Of a footprint that wanders, at uneven intervals, with a gap now and then."""
    trend, pace, rng = Trend(), Pace(), random.Random(1)
    facts = view(has_call=True, cost_s=LOOK_S)
    steps = [rng.randrange(-5 * MB, 5 * MB) for _ in range(9973)]
    now_s, size, most_bytes = 0.0, GB, 0
    for number in range(1_000_000):
        trend.add(now_s, size)
        facts.growth_bytes_per_s = trend.latest_bytes_per_s()
        facts.session_headroom_bytes = 4 * GB - size
        now_s += pace.next_s(facts) + (200 if number % 1999 == 0 else 0)
        size = min(4 * GB - 1, max(1, size + steps[number % len(steps)]))
        if number < 20_000 and number % 100 == 0:
            most_bytes = max(most_bytes, held_bytes(trend, pace))
    assert held_bytes(trend, pace) <= 2 * most_bytes  # how many readings are kept depends on the pace
    assert trend.seconds_until(8 * GB) > 0
