"""How far the forecast is off, on generated and recorded traces, and beside a line through two readings."""

from __future__ import annotations

import random

import pytest

from memguard.guard.trend import Trend
from tests.traces import KINDS, Trace, generated, recorded
from tests.traces.judging import TwoPoints, errors, quantile

TRACES = 12
# The medians of the relative error that benchmarks/bench_forecast.py prints are a half to a tenth of these.
WITHIN = {"linear": 0.05, "late start": 0.05, "stepwise": 0.2, "saw-tooth": 0.35, "exponential": 0.1}


@pytest.fixture
def seed() -> int:
    """Other traces at each run; a failure shows which."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201
    return seed


def _medians(traces: list[Trace], seed: int, every_s: float = 0) -> tuple[float, float]:
    ours, naive = errors(Trend, traces, seed, every_s), errors(TwoPoints, traces, seed, every_s)
    return quantile(ours, 0.5), quantile(naive, 0.5)


@pytest.mark.parametrize("every_s", [0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_each_shape_of_growth_is_forecast_within_its_factor(kind: str, every_s: float, seed: int) -> None:
    ours, naive = _medians([generated(kind, seed + number) for number in range(TRACES)], seed, every_s)
    assert ours < WITHIN[kind]
    assert ours < naive


def test_a_real_tool_that_grows_is_forecast_within_a_third(seed: int) -> None:
    ours, naive = _medians(recorded("tool"), seed)
    assert ours < 1 / 3
    assert ours < naive / 2


@pytest.mark.parametrize("name", ["answer", "resume"])
def test_what_can_not_be_foretold_is_at_least_forecast_better_than_by_two_readings(name: str, seed: int) -> None:
    """A client that reads 30 MB rises in a second or two, by fits and starts, and falls again."""
    ours, naive = _medians(recorded(name), seed)
    assert ours < naive


def test_the_peak_of_a_resume_is_no_growth() -> None:
    """Once it is over, a recorded resume is forecast to reach nothing."""
    trend = Trend()
    trace = recorded("resume")[0]
    for number in range(int(trace.times_s[-1] / 0.3)):
        trend.add(number * 0.3, trace.at(number * 0.3))
    assert trend.seconds_until(2 * max(trace.sizes)) > 60
