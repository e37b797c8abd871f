"""How a footprint moves: whether it has settled, and when it will reach a limit."""

# "Settled" is within 5 % over 5 s: a resuming client peaks at two to four times what it settles at, within 3 s.
SETTLED_WINDOW_S = 5.0
SETTLED_SPREAD = 0.05
_FAR_AWAY_S = float("inf")


class Trend:
    """The readings of the last SETTLED_WINDOW_S, as (monotonic seconds, bytes)."""

    __slots__ = ("_readings",)

    def __init__(self) -> None:
        self._readings: list[tuple[float, int]] = []

    def add(self, now_s: float, footprint_bytes: int) -> None:
        """Add a reading; keeps one from before the window, so that the window is known to be full."""
        readings = self._readings
        readings.append((now_s, footprint_bytes))
        while len(readings) > 2 and readings[1][0] <= now_s - SETTLED_WINDOW_S:
            readings.pop(0)

    def is_settled(self) -> bool:
        """Whether a whole window of readings lies within SETTLED_SPREAD."""
        readings = self._readings
        if not readings or readings[-1][0] - readings[0][0] < SETTLED_WINDOW_S:
            return False
        sizes = [size for _, size in readings]
        return max(sizes) - min(sizes) <= SETTLED_SPREAD * max(sizes)

    def seconds_until(self, limit_bytes: int) -> float:
        """Seconds until `limit_bytes` at the mean growth of the window; infinite when it isn't growing."""
        readings = self._readings
        if len(readings) < 2:
            return _FAR_AWAY_S
        (first_s, first), (last_s, last) = readings[0], readings[-1]
        if last <= first or last_s <= first_s:
            return _FAR_AWAY_S
        return max(0.0, (limit_bytes - last) * (last_s - first_s) / (last - first))
