"""Settling and forecast."""

import math

from memguard.guard.trend import Trend


def _trend(*readings: tuple[float, int]) -> Trend:
    trend = Trend()
    for now_s, size in readings:
        trend.add(now_s, size)
    return trend


def test_settled_is_within_five_percent_over_five_seconds() -> None:
    assert _trend((0, 1000), (2.5, 1049), (5, 1010)).is_settled()
    assert not _trend((0, 1000), (2.5, 1100), (5, 1010)).is_settled()


def test_a_window_that_is_not_full_is_not_settled() -> None:
    assert not _trend((0, 1000), (4.9, 1000)).is_settled()
    assert not _trend().is_settled()


def test_a_peak_is_forgotten_once_it_is_out_of_the_window() -> None:
    assert _trend((0, 4000), (1, 1000), (3, 1000), (6.1, 1000)).is_settled()


def test_the_forecast_is_the_time_at_the_windows_mean_growth() -> None:
    assert _trend((0, 1000), (2, 3000)).seconds_until(7000) == 4.0


def test_what_does_not_grow_never_gets_there() -> None:
    assert math.isinf(_trend((0, 1000), (2, 900)).seconds_until(7000))
    assert math.isinf(_trend((0, 1000)).seconds_until(7000))
