"""Whether a restart helped: the next process has to come to rest below the critical limit."""

from __future__ import annotations

import time

from memguard.library.modes import MemoryState

# As the watchdog has it: a program that has just begun, or resumed a conversation, peaks at a multiple of what it
# settles at, so nothing is judged before it holds still.
_STILL_S = 5.0
_STILL_SHARE = 0.05
_LONGEST_S = 60.0


class Settling:
    """One restart whose outcome is still to come."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._readings: list[tuple[float, float]] = []  # monotonic second, megabytes; of the last 5 s and one before

    def outcome(self, state: MemoryState, memory_mb: float) -> bool | None:
        """True: it settled below the critical limit; False: over it, or at the emergency limit; None: not known yet."""
        if state is MemoryState.EMERGENCY:
            return False
        return state.severity < MemoryState.CRITICAL.severity if self._is_over(memory_mb) else None

    def _is_over(self, memory_mb: float) -> bool:
        now_s = time.monotonic()
        self._readings.append((now_s, memory_mb))
        while len(self._readings) > 1 and now_s - self._readings[1][0] >= _STILL_S:
            del self._readings[0]
        if now_s - self._readings[0][0] < _STILL_S:
            return False
        sizes = [size_mb for _, size_mb in self._readings]
        is_still = max(sizes) - min(sizes) <= _STILL_SHARE * max(sizes)
        return is_still or now_s - self._began_s >= _LONGEST_S
