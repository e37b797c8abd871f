"""Who is left alone while a group is ended: those that are spared, and whatever they start meanwhile."""

from memguard.host import current
from memguard.host.table import with_descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class SparedTrees:
    """The trees below some pids. Who was seen in one stays in it, also when its parent ends."""

    __slots__ = ("_known",)

    def __init__(self, roots: "Iterable[int]") -> None:
        # By start ticks as well: a bomb that is killed soon has a pid that was somebody's.
        self._known = {pid: ticks for pid in roots if (ticks := current.start_ticks(pid))}

    def pids(self) -> "frozenset[int]":
        """Those that live now; the host is scanned for what they have started."""
        if not self._known:
            return frozenset()
        table = current.scan()
        living = {pid for pid, ticks in self._known.items() if pid in table and table[pid].start_ticks == ticks}
        found = with_descendants(living, table)
        self._known = {pid: table[pid].start_ticks for pid in found}
        return frozenset(found)
