"""When a footprint reaches a limit, from a few readings of it: a robust trend, with a rule for each shape of growth.

Readings are (monotonic seconds, bytes), oldest first, at uneven intervals. Slopes are Theil-Sen estimates: the median
of the slopes of all pairs, here weighted by the time between the two, so that a single odd reading counts for nothing
and readings that were taken close together for little. The rules were chosen on the traces of
`benchmarks/bench_forecast.py`, which holds them against a forecast from the last two readings.
"""

import math
from itertools import pairwise

Readings = list[tuple[float, int]]

_FAR_AWAY_S = float("inf")
# What came before the last reading near the least one (a resume's peak, a flat hour) says nothing about growth since.
_NEAR_LEAST = 0.05
# Where falls are at least this share of rises, it is a saw-tooth (a collector at work), and only its whole counts.
_SAW_FALLS = 0.1
# The tops of the teeth reach the limit first; the very highest would be an outlier's.
_TOPS = 0.8
# The newest readings by themselves count when they lie on a line that well: growth that has changed its pace.
_LINE_SPREAD = 0.15
_RECENT_COUNTS = (16, 12, 8, 6, 4, 3)
# Growth quickens when the later half is so much steeper than the earlier one, and a curve through both explains the
# readings twice as well as a line.
_STEEPER = 1.15
_BETTER_FIT = 0.5
_FEWEST_FOR_CURVE = 6


def seconds_until(readings: Readings, limit_bytes: int) -> float:
    """Seconds from the last reading until `limit_bytes`; infinite when it isn't growing."""
    if len(readings) < 2:
        return _FAR_AWAY_S
    window, is_saw = _window(readings)
    curve = None if is_saw else _curve(window)
    if curve:
        return curve.seconds_until(limit_bytes)
    slope = _slope(window)
    if slope <= 0:
        return _FAR_AWAY_S
    last_bytes = readings[-1][1]
    level = last_bytes + _quantile(_residuals(window, slope), _TOPS if is_saw else 0.5)
    return max(0.0, (limit_bytes - max(level, last_bytes)) / slope)


def growth_bytes_per_s(readings: Readings) -> float:
    """The robust slope of the part that counts; 0.0 when it isn't growing."""
    return max(0.0, _slope(_window(readings)[0])) if len(readings) > 1 else 0.0


def _window(readings: Readings) -> tuple[Readings, bool]:
    """The readings that tell how it grows now, at least two, and whether they are a saw-tooth."""
    since_least = readings[min(_last_low(readings), len(readings) - 2) :]
    rise_bytes = fall_bytes = 0
    for (_, before), (_, after) in pairwise(since_least):
        rise_bytes += max(0, after - before)
        fall_bytes += max(0, before - after)
    is_saw = fall_bytes > _SAW_FALLS * rise_bytes
    return (since_least if is_saw else _newest_line(since_least)), is_saw


def _last_low(readings: Readings) -> int:
    """The index of the last reading that is within _NEAR_LEAST of the least, by the height of what followed that."""
    sizes = [size for _, size in readings]
    least = min(sizes)
    first = len(sizes) - 1 - sizes[::-1].index(least)
    low = least + _NEAR_LEAST * (max(sizes[first:]) - least)
    return max(index for index, size in enumerate(sizes) if size <= low)


def _newest_line(readings: Readings) -> Readings:
    """The longest run of newest readings that lie on a rising line; all of them where none does."""
    for count in _RECENT_COUNTS:
        newest = readings[-count:]
        slope = _slope(newest)
        residuals = _residuals(newest, slope)
        rise_bytes = slope * (newest[-1][0] - newest[0][0])
        if slope > 0 and max(residuals) - min(residuals) <= _LINE_SPREAD * rise_bytes:
            return newest
    return readings


class _Curve:
    """Exponential growth: at `level` now, with `slope` now, which grows by `rate` a second."""

    __slots__ = ("level", "rate", "slope")

    def __init__(self, level: float, slope: float, rate: float) -> None:
        self.level = level
        self.slope = slope
        self.rate = rate

    def rise(self, ago_s: float) -> float:
        """What it had less, so long ago (a negative number)."""
        return self.slope / self.rate * math.expm1(-self.rate * ago_s)

    def seconds_until(self, limit_bytes: int) -> float:
        left_bytes = max(0.0, limit_bytes - self.level)
        return math.log1p(self.rate * left_bytes / self.slope) / self.rate


def _curve(readings: Readings) -> _Curve | None:
    """The curve of growth that quickens; None where a line does nearly as well."""
    if len(readings) < _FEWEST_FOR_CURVE:
        return None
    (first_s, _), (last_s, last_bytes) = readings[0], readings[-1]
    middle_s = (first_s + last_s) / 2
    half = max(3, min(len(readings) - 3, sum(now_s < middle_s for now_s, _ in readings)))
    early, late = _slope(readings[: half + 1]), _slope(readings[half:])
    if early <= 0 or late <= _STEEPER * early:
        return None
    # The slopes of the halves are those at their middles, half of the whole time apart.
    rate = math.log(late / early) / ((last_s - first_s) / 2)
    curve = _Curve(last_bytes, late * math.exp(rate * (last_s - readings[half][0]) / 2), rate)
    bent = [size - last_bytes - curve.rise(last_s - now_s) for now_s, size in readings]
    if _scatter(bent) >= _BETTER_FIT * _scatter(_residuals(readings, _slope(readings))):
        return None
    curve.level += _quantile(bent, 0.5)
    return curve


def _slope(readings: Readings) -> float:
    """Bytes a second: the weighted median over all pairs."""
    pairs = [
        ((after - before) / (after_s - before_s), after_s - before_s)
        for index, (before_s, before) in enumerate(readings)
        for after_s, after in readings[index + 1 :]
    ]
    pairs.sort()
    half = sum(weight for _, weight in pairs) / 2
    for slope, weight in pairs:
        half -= weight
        if half <= 0:
            return slope
    return 0.0


def _residuals(readings: Readings, slope: float) -> list[float]:
    """How far each reading lies above the line of that slope through the last one."""
    last_s, last_bytes = readings[-1]
    return [size - last_bytes - slope * (now_s - last_s) for now_s, size in readings]


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _scatter(values: list[float]) -> float:
    middle = _quantile(values, 0.5)
    return sum(abs(value - middle) for value in values)
