"""Reading the memory of a process and of all that it started, also of what has left its tree. Blocking: some ms."""

from __future__ import annotations

import time

import psutil

from memguard.core.errors import HostError
from memguard.core.identity import ProcessId
from memguard.core.reading import TreeReading
from memguard.host import current, identity
from memguard.host.confirm import confirmed_bytes
from memguard.host.descendants import Lineage
from memguard.library.memory_info import MEGABYTE_BYTES, MemoryInfo


class MemoryProbe:
    """Watches one process. `cost_s` is the CPU time of the last look; `lineage` remembers who was seen in the tree."""

    def __init__(self, who: ProcessId, confirm_from_bytes: int) -> None:
        self.who = who
        self.lineage = Lineage()
        self.cost_s = 0.0
        self._confirm_from_bytes = confirm_from_bytes

    def read(self) -> MemoryInfo | None:
        """What it holds now; None when it is gone. Raises HostError where the process is there and can't be measured.

        Shared memory is looked up only from the warning limit on: that walks the page tables, 11 ms per GB.
        """
        begun_s = time.thread_time()
        try:
            return self._read()
        finally:
            self.cost_s = time.thread_time() - begun_s

    def read_otherwise(self) -> MemoryInfo | None:
        """The other way to measure, by psutil's resident sizes. Raises HostError where that fails, too."""
        if not identity.is_alive(self.who):
            return None
        try:
            root = psutil.Process(self.who.pid)
            sizes = [process.memory_info().rss for process in [root, *root.children(recursive=True)]]
        except psutil.Error as error:
            raise HostError(f"the process can't be measured: {type(error).__name__}", "see `memguard doctor`") from None
        return MemoryInfo(sum(sizes) / MEGABYTE_BYTES, processes=len(sizes), method="psutil")

    def _read(self) -> MemoryInfo | None:
        if not identity.is_alive(self.who):
            return None
        tree = current.read_tree(self.who.pid)
        if not tree.processes and not tree.hidden:
            return None
        if tree.is_blind:
            raise HostError("the process's memory can't be read", "see `memguard doctor`")
        self.lineage.observe(tree)
        whole = self._with_strays(tree)
        is_confirmed = whole.footprint_bytes >= self._confirm_from_bytes
        held_bytes = confirmed_bytes(whole) if is_confirmed else whole.footprint_bytes
        return MemoryInfo(held_bytes / MEGABYTE_BYTES, processes=len(whole.processes), is_confirmed=is_confirmed)

    def _with_strays(self, tree: TreeReading) -> TreeReading:
        """With what was once seen in the tree and has been given to init since."""
        inside = {process.pid for process in tree.processes}
        strays = [current.read_process(who.pid) for who in self.lineage.living() if who.pid not in inside]
        return TreeReading([*tree.processes, *(stray for stray in strays if stray)], tree.hidden)
