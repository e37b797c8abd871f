"""Settling, growth, and what a gap in the readings does."""

from __future__ import annotations

import math

import pytest

from memguard.guard.trend import Trend

MB = 1024 * 1024


def _trend(*readings: tuple[float, int]) -> Trend:
    trend = Trend()
    for now_s, size in readings:
        trend.add(now_s, size)
    return trend


def _line(begin_s: float, every_s: float, count: int, rate: float, base: int = 100 * MB) -> list[tuple[float, int]]:
    return [(begin_s + every_s * number, base + int(rate * every_s * number)) for number in range(count)]


def test_settled_is_within_five_percent_over_five_seconds() -> None:
    assert _trend((0, 1000), (2.5, 1049), (5, 1010)).is_settled()
    assert not _trend((0, 1000), (2.5, 1100), (5, 1010)).is_settled()


def test_a_window_that_is_not_full_is_not_settled() -> None:
    assert not _trend((0, 1000), (4.9, 1000)).is_settled()
    assert not _trend().is_settled()


def test_a_peak_is_forgotten_once_it_is_out_of_the_window() -> None:
    assert _trend((0, 4000), (1, 1000), (3, 1000), (6.1, 1000)).is_settled()


@pytest.mark.parametrize("every_s", [0.01, 0.1, 0.5, 2.0])
def test_settling_doesnt_depend_on_how_often_it_is_read(every_s: float) -> None:
    calm = [(every_s * number, 1000 + number % 3) for number in range(int(12 / every_s))]
    assert _trend(*calm).is_settled()
    peak = [*calm[:-2], (calm[-2][0], 1200), calm[-1]]
    assert not _trend(*peak).is_settled()


def test_the_forecast_is_the_time_at_the_growth_between_two_readings() -> None:
    assert _trend((0, 1000), (2, 3000)).seconds_until(7000) == 4.0


def test_what_does_not_grow_never_gets_there() -> None:
    assert math.isinf(_trend((0, 1000), (2, 900)).seconds_until(7000))
    assert math.isinf(_trend((0, 1000)).seconds_until(7000))
    assert math.isinf(_trend(*_line(0, 0.5, 30, -MB)).seconds_until(7000))
    assert _trend(*_line(0, 0.5, 30, 0)).growth_bytes_per_s() == 0


def test_a_limit_that_is_reached_is_no_time_away() -> None:
    assert _trend((0, 1000), (2, 3000)).seconds_until(3000) == 0
    assert _trend(*_line(0, 0.5, 30, MB)).seconds_until(MB) == 0


@pytest.mark.parametrize("every_s", [0.01, 0.3, 4.0, 30.0])
def test_steady_growth_is_seen_at_any_pace(every_s: float) -> None:
    trend = _trend(*_line(5, every_s, 50, 3 * MB))
    assert trend.growth_bytes_per_s() == pytest.approx(3 * MB, rel=0.01)
    assert trend.latest_bytes_per_s() == pytest.approx(3 * MB, rel=0.01)
    held = 100 * MB + 3 * MB * every_s * 49
    assert trend.seconds_until(int(held + 60 * MB)) == pytest.approx(20, rel=0.02)


def test_one_odd_reading_is_not_growth() -> None:
    """A fork counts its parent's memory twice for a moment."""
    readings = _line(0, 0.5, 20, 0)
    readings[12] = (6.0, 5000 * MB)
    readings[-1] = (readings[-1][0], 101 * MB)
    assert _trend(*readings).seconds_until(6000 * MB) > 600


def test_the_latest_growth_is_prompt() -> None:
    trend = _trend(*_line(0, 0.5, 20, 0))
    trend.add(9.6, 110 * MB)
    assert trend.latest_bytes_per_s() == pytest.approx(100 * MB, rel=0.01)
    trend.add(9.7, 105 * MB)
    assert trend.latest_bytes_per_s() == 0


def test_two_readings_at_one_moment_are_no_infinite_growth() -> None:
    """A hook's wake right after a reading: the later one counts, over the time since the one before."""
    trend = _trend((0, 100), (1, 100), (1, 200), (1.001, 1100))
    assert trend.latest_bytes_per_s() <= 1001
    assert 0 < trend.growth_bytes_per_s() <= 1001


def test_a_gap_begins_afresh() -> None:
    """The machine slept, or the watchdog was stopped: what came meanwhile is neither growth nor calm."""
    trend = Trend()
    for now_s, size in _line(0, 0.5, 40, 0):
        trend.add(now_s, size, 0.5)
    trend.add(3600, 4000 * MB, 0.5)
    assert math.isinf(trend.seconds_until(5000 * MB))
    assert (trend.growth_bytes_per_s(), trend.latest_bytes_per_s()) == (0, 0)
    assert not trend.is_settled()
    for now_s, size in _line(3600, 0.5, 20, MB, 4000 * MB)[1:]:
        trend.add(now_s, size, 0.5)
    assert trend.growth_bytes_per_s() == pytest.approx(MB, rel=0.01)


def test_a_pause_that_was_asked_for_is_no_gap() -> None:
    trend = Trend()
    for number in range(5):
        trend.add(120.0 * number, 100 * MB + number * 12 * MB, 120.0)
    assert trend.seconds_until(208 * MB) == pytest.approx(600, rel=0.01)


def test_a_clock_that_goes_back_begins_afresh() -> None:
    trend = _trend(*_line(1000, 0.5, 40, 50 * MB))
    trend.add(10, 4000 * MB)
    assert math.isinf(trend.seconds_until(5000 * MB))
    assert not trend.is_settled()
    trend.add(12, 4000 * MB)
    assert math.isinf(trend.seconds_until(5000 * MB))
