"""How far a forecast is off, on traces that are read as the watchdog would read them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from memguard.watchdog.pace import Pace, PaceView

from . import Trace

# Asked at so many moments, evenly from this share of the way to the limit on: before it nothing can be known of steps
# or teeth, and after it the next reading is the answer.
MOMENTS = 20
FIRST, LAST = 0.3, 0.95
# Of one look, for the pace.
COST_S = 0.0015


class Forecaster(Protocol):
    """What is judged."""

    def add(self, now_s: float, footprint_bytes: int) -> None: ...
    def seconds_until(self, limit_bytes: int) -> float: ...


class TwoPoints:
    """The naive forecast: a line through the last two readings."""

    def __init__(self) -> None:
        self._readings: list[tuple[float, int]] = []

    def add(self, now_s: float, footprint_bytes: int) -> None:
        self._readings = [*self._readings, (now_s, footprint_bytes)][-2:]

    def seconds_until(self, limit_bytes: int) -> float:
        (before_s, before), (last_s, last) = self._readings[0], self._readings[-1]
        if last <= before:
            return float("inf")
        return max(0.0, (limit_bytes - last) * (last_s - before_s) / (last - before))


def readings(trace: Trace, rng: random.Random, every_s: float = 0) -> Iterator[tuple[float, int]]:
    """Readings below the limit: at the pace that the watchdog would choose, or unevenly about `every_s`."""
    pace, now_s, before_s, before = Pace(), 0.0, 0.0, 0
    while now_s < trace.reached_s and (size := trace.at(now_s)) < trace.limit_bytes:
        yield now_s, size
        view = PaceView("NORMAL", 30.0)
        view.has_call, view.cost_s = True, COST_S
        view.session_headroom_bytes = trace.limit_bytes - size
        view.growth_bytes_per_s = max(0.0, (size - before) / (now_s - before_s)) if now_s > before_s else 0.0
        before_s, before = now_s, size
        pause_s = every_s * rng.uniform(0.5, 1.5) if every_s else pace.next_s(view)
        now_s += pause_s + COST_S


def errors(make: Callable[[], Forecaster], traces: Iterable[Trace], seed: int, every_s: float = 0) -> list[float]:
    """|forecast - truth| / truth at each moment of each trace, least first; infinite for "never"."""
    found = []
    for trace in traces:
        rng = random.Random(f"{trace.name} {seed}")
        found += _errors_on(trace, make(), readings(trace, rng, every_s))
    return sorted(found)


def _errors_on(trace: Trace, forecaster: Forecaster, rows: Iterator[tuple[float, int]]) -> list[float]:
    span_s = trace.reached_s - trace.begin_s
    shares = [FIRST + (LAST - FIRST) * number / (MOMENTS - 1) for number in range(MOMENTS)]
    moments = [trace.begin_s + share * span_s for share in shares]
    found, read_s = [], -1.0
    for now_s, size in [*rows, (trace.reached_s, 0)]:
        while moments and moments[0] < now_s and read_s >= 0:
            moment_s = moments.pop(0)
            left_s = trace.reached_s - moment_s
            expected_s = max(0.0, forecaster.seconds_until(trace.limit_bytes) - (moment_s - read_s))
            found.append(abs(expected_s - left_s) / left_s)
        forecaster.add(now_s, size)
        read_s = now_s
    return found


def quantile(values: list[float], share: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))]
