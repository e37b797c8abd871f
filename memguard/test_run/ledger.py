"""What each test took and gave back: three numbers and a name per test, and what follows from them.

    ledger = Ledger()
    ledger.add("tests/test_a.py::test_b", start_bytes, end_bytes, peak_bytes)
    ledger.kept()                        # who grew and never gave it back, the most first
    ledger.growth_per_hundred_bytes()

With xdist each worker is a series of its own, since each has memory of its own.
"""

from array import array
from collections.abc import Iterator
from itertools import accumulate
from operator import sub
from typing import Any, NamedTuple

# Allocators take memory from the system in pieces of up to a megabyte: less says nothing about a test.
LEAST_KEPT_BYTES = 1024 * 1024
# Fewer tests have no slope worth a word.
_FEWEST_TESTS = 5
# A slope is the median over all pairs of this many points: 2,016 pairs, whatever the number of tests.
_POINTS = 64
_AT_ONCE = 4 * 512


class Kept(NamedTuple):
    """A test and what it added that the tree never came below again, until the run's end; sizes of its tree."""

    test: str
    worker: str
    kept_bytes: int
    start_bytes: int
    end_bytes: int
    peak_bytes: int


class Series:
    """The tests that ran one after the other in one process, in their order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.starts = array("q")
        self.ends = array("q")
        self.peaks = array("q")

    def extend(self, added: list[Any]) -> None:
        """Tests, each as name, start, end and peak."""
        self.names += added[0::4]
        self.starts.extend(added[1::4])
        self.ends.extend(added[2::4])
        self.peaks.extend(added[3::4])

    def kept_bytes(self) -> list[int]:
        """For each test what it added and the tree kept: no end that came later is below it."""
        return [max(0, grown_bytes) for grown_bytes in self._grown_bytes()]

    def notable(self) -> list[tuple[int, int]]:
        """Place and bytes of the tests that kept LEAST_KEPT_BYTES or more."""
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
        self._series: dict[str, Series] = {}
        self._added: dict[str, list[Any]] = {}  # four of each test, by worker

    def __len__(self) -> int:
        return sum(len(series.names) for series in self._written().values())

    def add(self, test: str, start_bytes: int, end_bytes: int, peak_bytes: int, worker: str = "") -> None:
        """A test has ended. Put into its series with many others at once: 0.2 us now instead of 2."""
        try:
            added = self._added[worker]
        except KeyError:
            added = self._added[worker] = []
        added += (test, start_bytes, end_bytes, peak_bytes)
        if len(added) >= _AT_ONCE:
            self._written()

    def _written(self) -> dict[str, Series]:
        for worker, added in self._added.items():
            if added:
                (self._series.get(worker) or self._series.setdefault(worker, Series())).extend(added)
                added.clear()
        return self._series

    def tests(self) -> Iterator[Kept]:
        """Each test with its sizes, worker by worker."""
        for worker, series in self._written().items():
            for place, kept_bytes in enumerate(series.kept_bytes()):
                yield _at(place, series, worker, kept_bytes)

    def kept(self) -> list[Kept]:
        """The tests that added LEAST_KEPT_BYTES or more for good, the most first."""
        found = [
            _at(place, series, worker, kept_bytes)
            for worker, series in self._written().items()
            for place, kept_bytes in series.notable()
        ]
        return sorted(found, key=lambda test: -test.kept_bytes)

    def highest(self) -> Kept | None:
        """The test with the highest peak, without what it kept; None before the first has ended."""
        highest = (_at(series.highest_place(), series, worker) for worker, series in self._written().items())
        return max(highest, key=lambda test: test.peak_bytes, default=None)

    def growth_per_hundred_bytes(self) -> float | None:
        """Bytes that hundred more tests would add, each worker by its share of them; None for too few tests."""
        total = len(self)
        if total < _FEWEST_TESTS:
            return None
        grown = (series.growth_per_test_bytes() * len(series.names) for series in self._written().values())
        return 100 * sum(grown) / total

    def last(self, worker: str) -> Kept | None:
        """The last test that ended in a worker; None where none did."""
        series = self._written().get(worker)
        return _at(-1, series, worker) if series else None


def _at(place: int, series: Series, worker: str, kept_bytes: int = 0) -> Kept:
    sizes = series.starts[place], series.ends[place], series.peaks[place]
    return Kept(series.names[place], worker, kept_bytes, *sizes)


def _thinned(ends: "array[int]") -> list[tuple[float, float]]:
    """At most _POINTS points (number of the test, size): of each stretch of tests its middle and its median."""
    step = -(-len(ends) // _POINTS)
    stretches = [(first, ends[first : first + step]) for first in range(0, len(ends), max(1, step))]
    return [(first + (len(sizes) - 1) / 2, _median(list(sizes))) for first, sizes in stretches]


def _median(values: "list[float] | list[int]") -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
