"""When it is known whether a restart helped."""

from __future__ import annotations

import pytest

from memguard import MemoryState
from memguard.library import settling
from memguard.library.settling import Settling
from memguard.testing.fake_clock import FakeClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    clock.replace_in(monkeypatch, settling)
    return clock


def outcomes(clock: FakeClock, state: MemoryState, sizes_mb: list[float]) -> list[bool | None]:
    """One reading each second."""
    restart, found = Settling(), []
    for size_mb in sizes_mb:
        found.append(restart.outcome(state, size_mb))
        clock.advance(1)
    return found


def test_one_that_is_still_for_five_seconds_has_settled_below_the_limit_or_over_it(clock: FakeClock) -> None:
    assert outcomes(clock, MemoryState.WARNING, [100] * 7) == [None] * 5 + [True] * 2
    assert outcomes(clock, MemoryState.CRITICAL, [100] * 7) == [None] * 5 + [False] * 2


def test_a_peak_at_the_beginning_is_not_judged(clock: FakeClock) -> None:
    assert outcomes(clock, MemoryState.CRITICAL, [100, 300, 500, 400])[-1] is None


def test_growth_is_judged_after_a_minute_at_the_latest(clock: FakeClock) -> None:
    found = outcomes(clock, MemoryState.CRITICAL, [100.0 * 1.1**second for second in range(62)])
    assert found.index(False) == 60


def test_at_the_emergency_limit_nothing_is_waited_for(clock: FakeClock) -> None:
    assert outcomes(clock, MemoryState.EMERGENCY, [100]) == [False]
