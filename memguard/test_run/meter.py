"""The footprint of this process and of all that it started, now. Memory that they share counts once."""

import os
import threading
import time

from memguard.core.log import printable
from memguard.host import current
from memguard.host.confirm import pss_bytes
from memguard.test_run.excess import ProcessSize
from memguard.test_run.own_status import OwnSize, OwnStatus
from memguard.test_run.shares import Shares
from memguard.test_run.tree import Process, Tree

_LONGEST_NAME = 64
# A border may take what others held from the last reading of them, as long as reading them takes 1 % of the time.
_COSTS = 100


class Others:
    """The processes of the tree but this one: `sizes` is pid and bytes of each, `footprint_bytes` their plain sum.

    `added_bytes` is what they add to this process: less than that sum, where they share memory with it.
    """

    __slots__ = ("added_bytes", "footprint_bytes", "sizes")

    def __init__(self, added_bytes: int, footprint_bytes: int, sizes: tuple[tuple[int, int], ...]) -> None:
        self.added_bytes = added_bytes
        self.footprint_bytes = footprint_bytes
        self.sizes = sizes


NOBODY = Others(0, 0, ())


class Reading:
    """`size_bytes` is of the whole tree, `own` this process as it was read.

    `is_confirmed`: memory that processes share is counted once, by shares that were asked for just now.
    """

    __slots__ = ("is_confirmed", "others", "own", "size_bytes")

    def __init__(self, size_bytes: int, own: OwnSize, others: Others = NOBODY, *, is_confirmed: bool = False) -> None:
        self.size_bytes = size_bytes
        self.own = own
        self.others = others
        self.is_confirmed = is_confirmed

    @property
    def footprint_bytes(self) -> int:
        """The sum over all processes, with what they share counted in each."""
        return self.own.size_bytes + self.others.footprint_bytes


class Meter:
    """Reads the tree of the process that made it, for any thread, from `begin` to `end`.

    `cost_s` is the CPU time of a reading of others, without what shares took; 0 where there is nobody else.
    """

    def __init__(self, proc: str = "/proc") -> None:
        self.cost_s = 0.0
        self._proc = proc
        self._pid = os.getpid()
        self._status = OwnStatus(proc)
        self.moved_bytes = self._status.moved_bytes  # of this process, since the last border
        self._tree = Tree(self._pid, proc)
        self._shares = Shares(proc)
        self._lock = threading.Lock()
        self._clock, self._cpu_clock = time.monotonic, time.thread_time
        self._others = NOBODY  # as they were read last
        self._has_others = False  # when it was asked last
        self._own_over_bytes = 0  # shared with processes that are not of the tree: with who forked this one
        self._fresh_until_s = 0.0

    def begin(self) -> None:
        """Begin to follow who leaves the tree."""
        self._tree.begin()
        if self._tree.is_forked():
            self._measure_own()

    def end(self) -> None:
        """Give back what was taken; safe to repeat."""
        self._tree.end()
        self._status.close()

    def read(self, is_thorough: bool = False) -> Reading:
        """All of it; `is_thorough`: whoever has left the tree is looked for now."""
        self._has_others = self._tree.may_have_others()
        if self._has_others or self._tree.were_started():
            with self._lock:
                self._read_others(is_thorough)
        else:
            self._others = NOBODY
        return self._with(self._own())

    def read_border(self, is_exact: bool = False) -> Reading:
        """The same, the others as they were read last where that was a moment ago; `moved_bytes` count from here."""
        self._status.mark()
        if is_exact:
            return self.read(is_thorough=True)
        had_others, self._has_others = self._has_others, self._tree.may_have_others()
        if not self._has_others:
            self._others = NOBODY
        is_stale = self._clock() >= self._fresh_until_s
        if (self._has_others and (is_stale or not had_others)) or (is_stale and self._tree.were_started()):
            return self.read()
        return self._with(self._own())

    def read_confirmed(self) -> Reading:
        """The same, with all shares asked for: 11 ms per GB. The readings after it go by what was found."""
        with self._lock:
            processes = self._tree.read()
            if len(processes) > 1:
                self._others = self._others_of(processes, is_exact=True)
                return self._with(self._own(), is_confirmed=self._shares.is_whole)
        is_confirmed = self._measure_own()
        self._others = NOBODY
        return self._with(self._own(), is_confirmed=is_confirmed)

    def at_own_peak(self, reading: Reading, own_bytes: int, others_bytes: int) -> Reading:
        """What the tree held when this process held `own_bytes`, and the others added this much at least."""
        grown_bytes = own_bytes - reading.own.size_bytes
        size_bytes = reading.size_bytes + grown_bytes + others_bytes - reading.others.added_bytes
        others = Others(others_bytes, reading.others.footprint_bytes, reading.others.sizes)
        return Reading(size_bytes, reading.own, others, is_confirmed=not others.sizes)

    def sizes(self, reading: Reading) -> list[ProcessSize]:
        """Each process of a reading, the largest first; who is gone by now has no name."""
        found = [ProcessSize(pid, self._name(pid), size) for pid, size in reading.others.sizes]
        own_bytes = reading.size_bytes - reading.others.added_bytes
        sizes = [ProcessSize(self._pid, self._name(self._pid), own_bytes), *found]
        return sorted(sizes, key=lambda each: -each.size_bytes)

    def _own(self) -> OwnSize:
        return self._status.read() or OwnSize(max(0, current.footprint_bytes(self._pid, self._proc)))

    def _measure_own(self) -> bool:
        share = pss_bytes(self._pid, self._proc)
        self._own_over_bytes = 0 if share is None else max(0, self._own().size_bytes - share)
        return share is not None

    def _with(self, own: OwnSize, *, is_confirmed: bool = False) -> Reading:
        others = self._others
        size_bytes = max(0, own.size_bytes - self._own_over_bytes) + others.added_bytes
        return Reading(size_bytes, own, others, is_confirmed=is_confirmed)

    def _read_others(self, is_thorough: bool) -> None:
        begun_s, begun_cpu_s = self._clock(), self._cpu_clock()
        processes = self._tree.read(is_thorough)
        self.cost_s = self._cpu_clock() - begun_cpu_s
        if processes:
            self._others = self._others_of(processes)
        elif not self._tree.may_have_others():  # else what they held is the best that is known
            self._others = NOBODY
        ended_s = self._clock()
        self._fresh_until_s = ended_s + _COSTS * (ended_s - begun_s)

    def _others_of(self, processes: list[Process], is_exact: bool = False) -> Others:
        if len(processes) == 1:
            return NOBODY
        sizes_bytes = self._shares.sizes_bytes(processes, is_exact)
        sizes = tuple((process[0], size) for process, size in zip(processes[1:], sizes_bytes[1:], strict=True))
        own_bytes = max(0, processes[0][3] - self._own_over_bytes)
        return Others(max(0, sum(sizes_bytes) - own_bytes), sum(process[3] for process in processes[1:]), sizes)

    def _name(self, pid: int) -> str:
        return printable(current.command_name(pid, self._proc).rstrip("\n"), _LONGEST_NAME)
