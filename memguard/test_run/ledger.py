"""What each test took and gave back: three numbers and a name per test, and what follows from them.

    ledger = Ledger()
    ledger.add("tests/test_a.py::test_b", start_bytes, end_bytes, peak_bytes)
    ledger.kept()                        # who grew and never gave it back, the most first
    ledger.growth_per_hundred_bytes()

With xdist each worker is a series of its own, since each has memory of its own.
"""

from collections.abc import Iterator
from itertools import accumulate
from operator import sub
from typing import Any

# Allocators take memory from the system in pieces of up to a megabyte: less says nothing about a test.
LEAST_KEPT_BYTES = 1024 * 1024
# Fewer tests have no slope worth a word.
_FEWEST_TESTS = 5
# A slope is the median over all pairs of this many points: 496 pairs, whatever the number of tests.
_POINTS = 32


class Kept:
    """A test and what it added that the tree never came below again, until the run's end; sizes of its tree."""

    __slots__ = ("end_bytes", "kept_bytes", "peak_bytes", "start_bytes", "test", "worker")

    def __init__(self, series: "Series", place: int, worker: str, kept_bytes: int = 0) -> None:
        self.test = series.names[place]
        self.worker = worker
        self.kept_bytes = kept_bytes
        self.start_bytes = series.starts[place]
        self.end_bytes = series.ends[place]
        self.peak_bytes = series.peaks[place]

    def to_plain(self) -> dict[str, Any]:
        """Words and numbers."""
        names = ("test", "worker", "kept_bytes", "start_bytes", "end_bytes", "peak_bytes")
        return {name: getattr(self, name) for name in names}


class Series:
    """The tests that ran one after the other in one process, in their order.

    `ended`: name, start, end and peak of the first, then of the next. One list, since adding to it takes a sixth of
    what four arrays do.
    """

    def __init__(self, ended: list[Any]) -> None:
        self.names: list[str] = ended[0::4]
        self.starts: list[int] = ended[1::4]
        self.ends: list[int] = ended[2::4]
        self.peaks: list[int] = ended[3::4]

    def kept_bytes(self) -> list[int]:
        """For each test what it added and the tree kept: no end that came later is below it."""
        return [max(0, grown_bytes) for grown_bytes in self._grown_bytes()]

    def notable(self) -> list[tuple[int, int]]:
        """Place and bytes of the tests that kept LEAST_KEPT_BYTES or more; none has kept more than it added."""
        if max(map(sub, self.ends, self.starts)) < LEAST_KEPT_BYTES:
            return []
        grown = enumerate(self._grown_bytes())
        return [(place, kept_bytes) for place, kept_bytes in grown if kept_bytes >= LEAST_KEPT_BYTES]

    def _grown_bytes(self) -> Iterator[int]:
        """The same as `kept_bytes`, below 0 where the tree came below the test's start."""
        least = list(accumulate(reversed(self.ends), min))
        return map(sub, reversed(least), self.starts)

    def highest_place(self) -> int:
        """Of the test with the highest peak, the first of equals."""
        return self.peaks.index(max(self.peaks))

    def growth_per_test_bytes(self) -> float:
        """The slope of the ends, the median over all pairs of points: one large cache doesn't tilt it."""
        points = _thinned(self.ends)
        slopes = [
            (later - earlier) / (later_at - earlier_at)
            for index, (earlier_at, earlier) in enumerate(points)
            for later_at, later in points[index + 1 :]
        ]
        return _median(slopes) if slopes else 0.0


class Ledger:
    """Every test of the run, by the worker that it ran in (empty: without xdist)."""

    def __init__(self) -> None:
        self._ended: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return sum(len(ended) for ended in self._ended.values()) // 4

    def add(self, test: str, start_bytes: int, end_bytes: int, peak_bytes: int, worker: str = "") -> None:
        """A test has ended. What is the same number is kept once: a process of xdist's has sent each by itself."""
        ended = self.ended(worker)
        if ended and ended[-2] == start_bytes:
            start_bytes = ended[-2]
        if end_bytes == start_bytes:
            end_bytes = start_bytes
        ended += (test, start_bytes, end_bytes, end_bytes if peak_bytes == end_bytes else peak_bytes)

    def ended(self, worker: str = "") -> list[Any]:
        """What a worker's tests are added to by who can't afford a call: name, start, end and peak of each."""
        return self._ended.setdefault(worker, [])

    def _series(self) -> Iterator[tuple[str, Series]]:
        return ((worker, Series(ended)) for worker, ended in self._ended.items() if ended)

    def tests(self) -> Iterator[Kept]:
        """Each test with its sizes, worker by worker."""
        for worker, series in self._series():
            for place, kept_bytes in enumerate(series.kept_bytes()):
                yield Kept(series, place, worker, kept_bytes)

    def kept(self) -> list[Kept]:
        """The tests that added LEAST_KEPT_BYTES or more for good, the most first."""
        found = [
            Kept(series, place, worker, kept_bytes)
            for worker, series in self._series()
            for place, kept_bytes in series.notable()
        ]
        return sorted(found, key=lambda test: -test.kept_bytes)

    def highest(self) -> Kept | None:
        """The test with the highest peak, without what it kept; None before the first has ended."""
        highest = (Kept(series, series.highest_place(), worker) for worker, series in self._series())
        return max(highest, key=lambda test: test.peak_bytes, default=None)

    def growth_per_hundred_bytes(self) -> float | None:
        """Bytes that hundred more tests would add, each worker by its share of them; None for too few tests."""
        total = len(self)
        if total < _FEWEST_TESTS:
            return None
        grown = (series.growth_per_test_bytes() * len(series.names) for _, series in self._series())
        return 100 * sum(grown) / total

    def last(self, worker: str) -> Kept | None:
        """The last test that ended in a worker; None where none did."""
        ended = self._ended.get(worker)
        return Kept(Series(ended[-4:]), -1, worker) if ended else None


def _thinned(ends: list[int]) -> list[tuple[float, float]]:
    """At most _POINTS points (number of the test, size): of each stretch of tests its middle and its median."""
    step = -(-len(ends) // _POINTS)
    stretches = [(first, ends[first : first + step]) for first in range(0, len(ends), max(1, step))]
    return [(first + (len(sizes) - 1) / 2, _median(sizes)) for first, sizes in stretches]


def _median(values: "list[float] | list[int]") -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
