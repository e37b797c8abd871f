"""How memory moves over time: traces generated from a seed, and traces recorded from the real client."""

from __future__ import annotations

import bisect
import itertools
import math
import random
from pathlib import Path

MB = 1024 * 1024
FOLDER = Path(__file__).resolve().parent
RECORDED = ("answer", "resume", "tool")
# Of the most that a recorded trace holds; each is taken as a limit once.
RECORDED_LIMITS = (0.6, 0.75, 0.9)
_POINTS = 8000


class Trace:
    """A footprint over time, `limit_bytes`, and when it first reaches that; growth begins at `begin_s`."""

    def __init__(self, name: str, times_s: list[float], sizes: list[int], limit_bytes: int, begin_s: float = 0) -> None:
        self.name = name
        self.times_s = times_s
        self.sizes = sizes
        self.limit_bytes = limit_bytes
        self.begin_s = begin_s
        reached = next((index for index, size in enumerate(sizes) if size >= limit_bytes), -1)
        if reached < 0:
            raise ValueError(f"{name} never reaches its limit")
        self.reached_s = times_s[reached]

    def at(self, now_s: float) -> int:
        """The footprint at that time."""
        return self.sizes[max(0, bisect.bisect_right(self.times_s, now_s) - 1)]


class _Shape:
    """One random footprint of the size and the speed of what memguard watches, without noise."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.base = rng.uniform(100, 400) * MB
        self.rise = rng.uniform(1000, 4000) * MB  # up to the limit; the trace goes a third further
        rate = math.exp(rng.uniform(math.log(3), math.log(600))) * MB
        self.step_s = 1.3 * self.rise / rate / _POINTS

    def linear(self) -> list[float]:
        return [self.base + 1.3 * self.rise * point / _POINTS for point in range(_POINTS)]

    def late(self) -> list[float]:
        """Flat for as long as it then grows."""
        return [self.base] * _POINTS + self.linear()

    def stepwise(self) -> list[float]:
        """15 to 60 unequal steps at unequal times."""
        steps = self.rng.randint(15, 60)
        width = _POINTS / steps
        starts = sorted((step + self.rng.uniform(-0.25, 0.25)) * width for step in range(steps))
        heights = [1.3 * self.rise / steps * self.rng.uniform(0.7, 1.3) for _ in starts]
        tops = [self.base, *itertools.accumulate(heights, initial=self.base)][1:]
        return [tops[bisect.bisect_right(starts, point)] for point in range(_POINTS)]

    def saw_tooth(self) -> list[float]:
        """12 to 50 teeth, each of which keeps a tenth to a half of what it took."""
        teeth, kept = self.rng.randint(12, 50), self.rng.uniform(0.1, 0.5)
        width = _POINTS / teeth
        slope = 1.3 * self.rise / _POINTS / kept
        sizes, size, length = [], self.base, 0
        following = width * self.rng.uniform(0.7, 1.3)
        for point in range(_POINTS):
            size, length = size + slope, length + 1
            if point >= following:
                size -= (1 - kept) * slope * length
                following, length = point + width * self.rng.uniform(0.7, 1.3), 0
            sizes.append(size)
        return sizes

    def exponential(self) -> list[float]:
        """Doubles every 1 to 30 s."""
        doublings = math.log2((self.base + 1.3 * self.rise) / self.base)
        self.step_s = min(max(self.step_s * _POINTS / doublings, 1.0), 30.0) * doublings / _POINTS
        return [self.base * 2 ** (doublings * point / _POINTS) for point in range(_POINTS)]


KINDS = {
    "linear": _Shape.linear,
    "late start": _Shape.late,
    "stepwise": _Shape.stepwise,
    "saw-tooth": _Shape.saw_tooth,
    "exponential": _Shape.exponential,
}


def generated(kind: str, seed: int) -> Trace:
    """A trace of one of KINDS, the same for the same seed, with noise of 0.1 to 1.5 MB on each reading."""
    rng = random.Random(f"{kind} {seed}")
    shape = _Shape(rng)
    smooth = KINDS[kind](shape)
    noise = rng.uniform(0.1, 1.5) * MB
    sizes = [int(size + rng.gauss(0, noise)) for size in smooth]
    times_s = [shape.step_s * point for point in range(len(sizes))]
    begin_s = times_s[-_POINTS] if kind == "late start" else 0
    return Trace(kind, times_s, sizes, int(shape.base + shape.rise), begin_s)


def recorded(name: str) -> list[Trace]:
    """One recorded trace under each of RECORDED_LIMITS."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    times_s, sizes = [int(ms) / 1000 for ms, _ in rows], [int(kb) * 1024 for _, kb in rows]
    return [Trace(name, times_s, sizes, int(share * max(sizes))) for share in RECORDED_LIMITS]
