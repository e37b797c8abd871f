"""One process that a guardian watches: how it is measured, what was told of it, and when to look again."""

from __future__ import annotations

import time

from memguard.core.identity import ProcessId
from memguard.core.thresholds import Thresholds
from memguard.library.memory_info import MemoryInfo
from memguard.library.memory_probe import MemoryProbe
from memguard.library.modes import MemoryState
from memguard.watchdog.pace import Pace, PaceView

_LEAST_S = 1e-3
# What a look costs beside the reading: two threads that hand over, the record of restarts, the event loop. With it, a
# still process near its limit takes 2 % of a core, as the watchdog does.
_BESIDE_S = 0.0006


class ProcessWatch:
    """`told` are the states that were told of already; `reads_otherwise` that psutil measures."""

    def __init__(self, who: ProcessId, limits: Thresholds) -> None:
        self.who = who
        self.probe = MemoryProbe(who, limits.warning_bytes)
        self.told: set[MemoryState] = set()
        self.reads_otherwise = False
        self._limits = limits
        self._pace = Pace()
        self._last: tuple[float, int] | None = None

    def read(self) -> MemoryInfo | None:
        """What it holds; None when it is gone. Blocking. Raises HostError where it can't be read."""
        return self.probe.read_otherwise() if self.reads_otherwise else self.probe.read()

    def read_otherwise(self) -> None:
        """Measure by psutil from now on. Raises HostError where that fails, too."""
        self.probe.read_otherwise()
        self.reads_otherwise = True

    def pause_s(self, info: MemoryInfo, state: MemoryState, longest_s: float) -> float:
        """Seconds until the next look, by the watchdog's own rule: the headroom, the growth, and what a look costs."""
        view = PaceView(state.name, longest_s)
        view.session_headroom_bytes = self._limits.headroom_bytes(info.footprint_bytes)
        view.cost_s, view.has_call = self.probe.cost_s + _BESIDE_S, True
        now_s = time.monotonic()
        if self._last:
            before_s, before_bytes = self._last
            view.growth_bytes_per_s = (info.footprint_bytes - before_bytes) / max(_LEAST_S, now_s - before_s)
        self._last = now_s, info.footprint_bytes
        return self._pace.next_s(view)
