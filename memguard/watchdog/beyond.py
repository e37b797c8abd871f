"""What belongs to a session and has left its client's tree: reparented, daemonised, in a process session of its own."""

import time

from memguard.host import current
from memguard.host.descendants import is_terminal_bound
from memguard.host.own_processes import is_own_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.host.containment.base import Containment

# Whether somebody looks at it is asked by a scan of the host, 12 ms with 490 processes; a tmux server that a tool has
# started gets its first terminal within this time.
_ASK_AGAIN_S = 2.0


class Beyond:
    """The pids that the containment knows of, but for what somebody looks at: that is the person's own.

    `strays` gives those of a session that nothing contains.
    """

    __slots__ = ("_asked_s", "_bound", "_containment", "_strays")

    def __init__(self, containment: "Containment", strays: "Callable[[], list[int]]" = list) -> None:
        self._containment = containment
        self._strays = strays
        self._asked_s: dict[int, float] = {}
        self._bound: set[int] = set()

    def pids(self, in_tree: "set[int]", own_terminal: int) -> "list[int]":
        """Those not `in_tree` already. Who is bound to a terminal other than `own_terminal` stays out for good."""
        found = [pid for pid in (*self._containment.roots(), *self._strays()) if pid not in in_tree]
        self._asked_s = {pid: asked_s for pid, asked_s in self._asked_s.items() if pid in found}
        self._bound.intersection_update(found)
        now_s = time.monotonic()
        free = [pid for pid in found if pid not in self._bound]
        asked = [pid for pid in free if now_s - self._asked_s.get(pid, float("-inf")) >= _ASK_AGAIN_S]
        # One that was born after the tree was walked is its parent's, and no reason to scan the host.
        asked = [pid for pid in asked if current.parent_pid(pid) not in in_tree]
        if asked:
            self._ask(asked, own_terminal, now_s)
        return [pid for pid in free if pid not in self._bound]

    def _ask(self, pids: "list[int]", own_terminal: int, now_s: float) -> None:
        """Who of them is bound to a terminal, or memguard's own: a hook's worker that couldn't leave the group."""
        table = current.scan()
        for pid in pids:
            self._asked_s[pid] = now_s
            if is_own_process(pid) or is_terminal_bound(pid, own_terminal=own_terminal, table=table):
                self._bound.add(pid)
