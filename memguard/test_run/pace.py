"""How long the sampling thread may look away: by the headroom, by what moves, and by what a look costs."""

# Without a limit, and with nothing that moves. What peaks and falls back within it is found by the kernel's mark, as
# far as it is this process's own.
LONGEST_S = 0.1
# A look wakes the thread, which then waits for the interpreter: measured, 50 to 250 us of the tests' time.
_SHORTEST_S = 0.005
# Where looking is dear: a tree of hundreds, on a busy host.
_RAREST_S = 1.0
# One core fills 0.6 to 1.7 GB/s of fresh pages of 4 KB, and 8.8 GB/s of huge ones.
FILL_BYTES_PER_S = 8 << 30
# Growth comes in steps; it is remembered over the pauses between them, by halves in this time.
_HALF_LIFE_S = 0.5
# Looking takes 1 % of the time; near a limit, a tenth.
_COSTS = 100
_COSTS_NEAR = 10
# Near is what is left of a limit by this part of what is held, or what would be gone within this time.
_NEAR = 0.25
_NEAR_S = 1.0
# What has moved by this part since the last look is looked at as often as that may be.
_MOVED = 0.02


class Pace:
    """Gives the pauses; it has no clock, and is told when each reading was."""

    def __init__(self) -> None:
        self._last: tuple[float, int] = (0.0, 0)
        self._bytes_per_s = 0.0

    def next_s(self, now_s: float, size_bytes: int, headroom_bytes: int | None, cost_s: float) -> float:
        """Seconds until the next reading; `headroom_bytes` is to the nearest limit, `cost_s` what a reading costs.

        None for the headroom is no limit that could be passed yet, 0 or less is as near as can be.
        """
        has_moved = self._see(now_s, size_bytes)
        pause_s = _SHORTEST_S if has_moved else LONGEST_S
        if headroom_bytes is None:
            return min(max(pause_s, _COSTS * cost_s), _RAREST_S)
        headroom_bytes = max(0, headroom_bytes)
        left_s = headroom_bytes / self._bytes_per_s if self._bytes_per_s > 0 else float("inf")
        pause_s = min(pause_s, headroom_bytes / FILL_BYTES_PER_S)
        is_near = headroom_bytes < _NEAR * size_bytes or left_s < _NEAR_S
        pause_s = max(pause_s, (_COSTS_NEAR if is_near else _COSTS) * cost_s, _SHORTEST_S)
        return min(pause_s, max(LONGEST_S, _COSTS_NEAR * cost_s))

    def _see(self, now_s: float, size_bytes: int) -> bool:
        """Remember how fast it grows; whether it has moved."""
        (last_s, last_bytes), self._last = self._last, (now_s, size_bytes)
        if not last_s or now_s <= last_s:
            return False
        faded = self._bytes_per_s * 0.5 ** ((now_s - last_s) / _HALF_LIFE_S)
        self._bytes_per_s = max(faded, (size_bytes - last_bytes) / (now_s - last_s))
        return abs(size_bytes - last_bytes) > _MOVED * size_bytes
