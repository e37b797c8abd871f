"""Whether the host, or a control group of the session's, is short of memory: asked no more often than that changes."""

import time

from memguard.core.reading import Pressure
from memguard.host.pressure import Gauge, read_pressure

# A core fills 1 % of a host of 24 GB in this time.
_FRESH_S = 0.2
_FAR_AWAY_BYTES = 1 << 62


class Shortage:
    """The last answer for one client. `reading` is the host's; `left_bytes` can still be filled, -1 if unknown."""

    __slots__ = ("_gauge", "_read_s", "is_short", "left_bytes", "reading")

    def __init__(self, client_pid: int) -> None:
        self._gauge = Gauge(client_pid)
        self._read_s = float("-inf")
        self.reading = Pressure()
        self.is_short = False
        self.left_bytes = -1

    def look(self) -> None:
        """Ask again, where the last answer is old."""
        now_s = time.monotonic()
        if now_s - self._read_s >= _FRESH_S:
            self._read_s = now_s
            self.reading = read_pressure()
            self.is_short, self.left_bytes = self._gauge.is_short(self.reading), self._gauge.left_bytes(self.reading)

    def headroom_bytes(self) -> int:
        """Bytes that can be filled; far away where the host doesn't say."""
        return self.left_bytes if self.left_bytes >= 0 else _FAR_AWAY_BYTES
