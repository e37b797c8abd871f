"""Processes of this run that have left its tree: whose parent ended, as a daemon's does."""

import resource
import time

from memguard.host import linux
from memguard.test_run.own_mark import OwnMark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.test_run.tree import Process

# Looking for strays that were never seen in the tree takes a list of all pids, and 12 us for each that is new.
_SHORTEST_S = 0.1
_COSTS = 100


class Strays:
    """Who was seen in the tree and lives on elsewhere, and who carries the run's mark. `len` is how many are known."""

    def __init__(self, pid: int, mark: OwnMark, proc: str = "/proc") -> None:
        self._pid = pid
        self._proc = proc
        self._mark = mark
        self._seen: dict[int, int] = {}  # start ticks by pid, of who was seen in the tree or is a stray
        self._strangers = set(linux.all_pids(proc))
        self._roots: set[int] = set()
        self._clock = time.monotonic
        self._next_s = 0.0
        self._reaped: tuple[int, int] = _reaped()
        self._had_company = False

    def __len__(self) -> int:
        return len(self._roots)

    def were_started(self) -> bool:
        """Whether a child has come and gone since the last look: the kernel keeps account of what they did."""
        return self._reaped != _reaped()

    def beyond(self, tree: "list[Process]", is_thorough: bool = False) -> "list[Process]":
        """The strays with all that they started; `tree` is what was just found below this process.

        `is_thorough`: look for who was never seen, whatever that costs.
        """
        inside = {process[0] for process in tree}
        self._seen.update((process[0], process[2]) for process in tree if process[0] != self._pid)
        self._had_company |= len(tree) > 1
        left = [pid for pid in self._seen if pid not in inside]
        self._roots = {pid for pid in left if self._is_alive(pid)}
        if is_thorough or self._is_due():
            self._roots |= self._found(inside)
        return self._families(inside)

    def _is_alive(self, pid: int) -> bool:
        """Not a zombie either: in a container, nobody may ever reap it."""
        fields = linux.stat_fields(pid, self._proc)
        if fields and int(fields[linux.START]) == self._seen[pid] and not linux.is_ended(fields):
            return True
        del self._seen[pid]
        return False

    def _is_due(self) -> bool:
        """Whether somebody can have been started since, and looking is not too dear."""
        return self._clock() >= self._next_s and (self._had_company or self.were_started())

    def _found(self, inside: set[int]) -> set[int]:
        """Who carries the mark and was never seen before."""
        begun_s = self._clock()
        self._had_company, self._reaped = bool(self._roots), _reaped()
        listed = set(linux.all_pids(self._proc))
        new = listed - self._strangers - self._seen.keys() - inside - {self._pid}
        found = {pid for pid in new if self._mark.is_on(pid)}
        self._seen.update((pid, linux.start_ticks(pid, self._proc)) for pid in found)
        self._strangers = listed - found - inside - self._seen.keys()
        ended_s = self._clock()
        self._next_s = ended_s + max(_SHORTEST_S, _COSTS * (ended_s - begun_s))
        return found

    def _families(self, inside: set[int]) -> "list[Process]":
        found: dict[int, Process] = {}
        for pid in self._roots:
            if pid not in found:
                for process in linux.walk(pid, self._proc):
                    if process[0] not in inside:
                        found[process[0]] = process
                        self._seen[process[0]] = process[2]
        return list(found.values())


def _reaped() -> tuple[int, int]:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_minflt, used.ru_nvcsw
