"""How long the thread looks away: figures, and runs through a whole growth."""

import pytest

from memguard.test_run.pace import Pace

MB = 1024 * 1024
GB = 1024 * MB


def pause(pace: Pace, headroom: int | None, cost_s: float = 0.0, size: int = 500 * MB, at_s: float = 1.0) -> float:
    return pace.next_s(at_s, size, headroom, cost_s)


def test_at_rest_it_looks_ten_times_a_second() -> None:
    assert pause(Pace(), None) == 0.1
    assert pause(Pace(), 4 * GB) == 0.1


def test_a_headroom_is_looked_at_before_it_can_be_gone() -> None:
    """8 GiB/s: huge pages."""
    assert pause(Pace(), 512 * MB) == pytest.approx(0.0625)
    assert pause(Pace(), 8 * MB) == 0.005


def test_over_a_limit_and_not_confirmed_is_as_near_as_can_be() -> None:
    assert pause(Pace(), -10 * MB) == 0.005


def test_what_moves_is_looked_at_often() -> None:
    """For the peak of a test, also without a limit."""
    pace = Pace()
    pause(pace, None, at_s=1.0, size=100 * MB)
    assert pause(pace, None, at_s=1.1, size=110 * MB) == 0.005
    assert pause(pace, None, at_s=1.2, size=110 * MB) == 0.1


def test_looking_takes_one_percent_of_the_time() -> None:
    assert pause(Pace(), None, cost_s=0.002) == pytest.approx(0.2)
    assert pause(Pace(), None, cost_s=0.05) == 1.0
    assert pause(Pace(), 4 * GB, cost_s=0.0005) == 0.1


@pytest.mark.parametrize("headroom", [-1, 0, MB, 100 * MB, 4 * GB])
def test_with_a_limit_a_dear_look_blinds_nobody(headroom: int) -> None:
    assert pause(Pace(), headroom, cost_s=0.005) <= 0.1
    assert pause(Pace(), headroom, cost_s=0.02) <= 0.2


def test_growth_in_steps_is_remembered_over_the_pauses_between_them() -> None:
    """Measured: a leak of 40 MB each 0.1 s, looked at just after a step, and again before the next."""
    pace = Pace()
    pause(pace, 190 * MB, at_s=1.0, size=360 * MB, cost_s=0.002)
    pause(pace, 150 * MB, at_s=1.1, size=400 * MB, cost_s=0.002)
    assert pause(pace, 150 * MB, at_s=1.15, size=400 * MB, cost_s=0.002) == pytest.approx(0.02)
    assert pause(pace, 150 * MB, at_s=9.0, size=400 * MB, cost_s=0.002) == pytest.approx(0.1)


@pytest.mark.parametrize("rate_mb_s", [20, 100, 1000])
@pytest.mark.parametrize("cost_ms", [0.1, 2, 20])
def test_a_steady_growth_is_found_in_time(rate_mb_s: int, cost_ms: float) -> None:
    """What it grows by beyond the limit is what it grows in ten looks, or in 5 ms."""
    pace, begun_s, size, limit = Pace(), 1.0, 100 * MB, 600 * MB
    now_s = begun_s
    while size <= limit:
        now_s += cost_ms / 1000 + pace.next_s(now_s, size, limit - size, cost_ms / 1000)
        size = 100 * MB + int((now_s - begun_s) * rate_mb_s * MB)
    assert size - limit <= rate_mb_s * MB * max(0.006, 11.1 * cost_ms / 1000)


def test_a_clock_that_did_not_move_is_no_rate() -> None:
    pace = Pace()
    pause(pace, None, at_s=1.0)
    assert pause(pace, None, at_s=1.0, size=900 * MB) == 0.1
