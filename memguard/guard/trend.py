"""How a footprint moves: whether it has settled, how fast it grows, and when it will reach a limit."""

from memguard.guard import forecast

# "Settled" is within 5 % over 5 s: a resuming client peaks at two to four times what it settles at, within 3 s.
SETTLED_WINDOW_S = 5.0
SETTLED_SPREAD = 0.05
# The window is kept as the least and the most of each half second: it stays small at a hundred readings a second.
_SPAN_S = 0.5
# Of the past, a few readings are kept, close together near now and far apart long ago. 16 forecast as well as 32.
_KEPT = 16
_CLOSEST_S = 0.05
_OLDEST_S = 600.0
# A reading that comes this much later than asked for: the machine slept, or the watchdog was stopped or starved.
_LATE_FACTOR = 3.0
_LATE_S = 2.0
_ASKED_S = 30.0  # the longest pause by default
# Two readings that are closer than this say little about a rate: pages come in clusters.
_RATE_S = 0.005
_NEVER_S = float("inf")


class Trend:
    """Readings at uneven intervals, by a clock that doesn't jump; a gap in them begins afresh. Bounded in size."""

    __slots__ = ("_before", "_kept", "_last", "_spans")

    def __init__(self) -> None:
        self._last = self._before = (_NEVER_S, 0)
        self._kept: forecast.Readings = []  # for the forecast
        self._spans: list[tuple[float, int, int]] = []  # (first reading's time, least, most) of each _SPAN_S

    def add(self, now_s: float, footprint_bytes: int, asked_s: float = _ASKED_S) -> None:
        """Add a reading; `asked_s` is the pause that was asked for before it.

        What a gap hides is neither growth nor calm: a reading that is far too late begins afresh, and so does one
        that is earlier than the last.
        """
        if not 0 <= now_s - self._last[0] <= _LATE_FACTOR * asked_s + _LATE_S:
            self._begin_afresh(now_s, footprint_bytes)
        if now_s - self._last[0] >= _RATE_S:
            self._before = self._last
        self._last = (now_s, footprint_bytes)
        self._add_to_window(now_s, footprint_bytes)
        self._add_to_kept(now_s, footprint_bytes)

    def is_settled(self) -> bool:
        """Whether a whole window of readings lies within SETTLED_SPREAD."""
        spans = self._spans
        if not spans or self._last[0] - spans[0][0] < SETTLED_WINDOW_S:
            return False
        most = max(span[2] for span in spans)
        return most - min(span[1] for span in spans) <= SETTLED_SPREAD * most

    def seconds_until(self, limit_bytes: int) -> float:
        """Seconds until `limit_bytes`; infinite when it isn't growing."""
        return forecast.seconds_until(self._kept, limit_bytes)

    def growth_bytes_per_s(self) -> float:
        """How fast it grows, by a robust trend; 0.0 when it doesn't."""
        return forecast.growth_bytes_per_s(self._kept)

    def latest_bytes_per_s(self) -> float:
        """How fast it grew between the last two readings: prompt, not robust; 0.0 when it didn't."""
        (before_s, before), (last_s, last) = self._before, self._last
        return (last - before) / (last_s - before_s) if last > before and last_s > before_s else 0.0

    def _begin_afresh(self, now_s: float, footprint_bytes: int) -> None:
        self._before = self._last = (now_s, footprint_bytes)
        self._kept, self._spans = [], []

    def _add_to_window(self, now_s: float, size: int) -> None:
        """A span from before the window is kept, so that the window is known to be full."""
        spans = self._spans
        if spans and now_s - spans[-1][0] < _SPAN_S:
            first_s, least, most = spans[-1]
            spans[-1] = (first_s, min(least, size), max(most, size))
        else:
            spans.append((now_s, size, size))
        while len(spans) > 1 and spans[1][0] <= now_s - SETTLED_WINDOW_S:
            del spans[0]

    def _add_to_kept(self, now_s: float, size: int) -> None:
        kept = self._kept
        if len(kept) > 1 and now_s - kept[-2][0] < _CLOSEST_S:
            kept[-1] = (now_s, size)
        elif kept and now_s <= kept[-1][0]:
            kept[-1] = (kept[-1][0], size)
        else:
            kept.append((now_s, size))
        if len(kept) > _KEPT:
            del kept[self._least_needed(now_s)]

    def _least_needed(self, now_s: float) -> int:
        """The index of the reading that leaves the smallest hole, by its age; the oldest once it is too old."""
        kept = self._kept
        if now_s - kept[0][0] > _OLDEST_S:
            return 0
        return min(
            range(1, len(kept) - 2),
            key=lambda index: (kept[index + 1][0] - kept[index - 1][0]) / (now_s - kept[index][0]),
        )
