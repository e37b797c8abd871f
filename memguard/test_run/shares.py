"""How much of a footprint counts more than once, since processes share it: the footprint less the share (PSS).

A share takes 11 ms per GB to read, so it is read of a process when it is first seen, and again from time to time where
it shared something. What a process shares hardly grows: what it takes later is its own.
"""

import time

from memguard.host import current
from memguard.host.confirm import pss_bytes, smaps_rollup
from memguard.host.linux import stat_fields
from memguard.host.one_memory import is_one_memory
from memguard.test_run.own_mark import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.test_run.tree import Process

# Sharing is worth a second look from this part of a footprint on.
_NOTABLE = 0.05
# Shared memory is filled after its users have started.
_GROWN = 1.1
# Looking again at all takes at most a tenth of the time.
_COSTS = 10


class Shares:
    """What counts elsewhere too, kept from one reading to the next.

    `is_whole`: the kernel gave the share of every process, when it was asked for all last.
    """

    def __init__(self, proc: str = "/proc") -> None:
        self.is_whole = False
        self._proc = proc
        self._over: dict[tuple[int, int], int] = {}  # in bytes, by pid and start ticks
        self._now: dict[tuple[int, int], int] = {}  # shares that were read for this very reading
        self._clock = time.monotonic
        self._next_s = 0.0
        self._measured_bytes = 0

    def sizes_bytes(self, processes: "list[Process]", is_exact: bool = False) -> list[int]:
        """What each holds, what they share counted once as far as that is known, or cheap to learn.

        `is_exact`: ask for all shares, whatever that costs.
        """
        living = {_who(process) for process in processes}
        self._over = {who: over for who, over in self._over.items() if who in living}
        self._now = {}
        if is_exact:
            self._measure_all(processes)
        else:
            self._measure_some(processes)
        return [self._now.get(_who(process), process[3] - self._known_bytes(process)) for process in processes]

    def _measure_some(self, processes: "list[Process]") -> None:
        new = [process for process in processes if self._is_new(process)]
        for process in new:
            self._measure(process)
        if len(new) < len(processes) and (self._is_any_shared(new) or self._is_due(processes)):
            self._measure_all(processes)

    def _known_bytes(self, process: "Process") -> int:
        return min(process[3], self._over.get(_who(process), 0))

    def _is_new(self, process: "Process") -> bool:
        """Also who holds less than was taken off, and so runs another program by now."""
        over = self._over.get(_who(process))
        return over is None or over > process[3]

    def _is_any_shared(self, processes: "list[Process]") -> bool:
        return any(self._known_bytes(process) > _NOTABLE * process[3] for process in processes)

    def _is_due(self, processes: "list[Process]") -> bool:
        """Whether something is shared, or may be by now, and looking is not too dear."""
        if self._clock() < self._next_s:
            return False
        return _sum_bytes(processes) > _GROWN * self._measured_bytes or self._is_any_shared(processes)

    def _measure_all(self, processes: "list[Process]") -> None:
        begun_s = self._clock()
        self._measured_bytes = _sum_bytes(processes)
        self.is_whole = not sum(not self._measure(process) for process in processes)
        ended_s = self._clock()
        self._next_s = ended_s + _COSTS * (ended_s - begun_s)

    def _measure(self, process: "Process") -> bool:
        """False where the kernel gives no share; then nothing is taken off.

        The footprint is read again behind the share: what was given back in between is neither held nor shared.
        """
        who = _who(process)
        if is_on_loan(process, self._proc):
            self._now[who] = 0
            return True
        share = pss_bytes(process[0], self._proc)
        after_bytes = max(0, current.footprint_bytes(process[0], self._proc))
        if share is None:
            self._over[who], self._now[who] = 0, min(process[3], after_bytes)
            return not after_bytes  # gone
        self._over[who], self._now[who] = max(0, min(process[3], after_bytes) - share), share
        return True


def is_on_loan(process: "Process", proc: str = "/proc") -> bool:
    """Whether a process runs in its parent's memory: `vfork`, and so `subprocess`, until the program is loaded.

    `stat` of both tells it of nearly all in 20 us; what shows the same there may have been forked this very moment.
    """
    pid, parent_pid = process[:2]
    mine, parents = stat_fields(pid, proc), stat_fields(parent_pid, proc)
    if not mine or not parents or not addresses(mine) or addresses(mine) != addresses(parents):
        return False
    if mine[-1].split(None, 2)[:2] != parents[-1].split(None, 2)[:2]:
        return False
    return is_one_memory((pid, smaps_rollup(pid, proc)), (parent_pid, smaps_rollup(parent_pid, proc)), proc)


def _who(process: "Process") -> tuple[int, int]:
    return process[0], process[2]


def _sum_bytes(processes: "list[Process]") -> int:
    return sum(process[3] for process in processes)
