"""Who of some processes that are to go is spared, and why: one rule for the sweep at a restart, and for orphans."""

from memguard.host import current
from memguard.host.own_processes import is_own_process
from memguard.host.table import Row, with_ancestors, with_descendants

Key = tuple[int, int]  # pid and start ticks

TERMINAL = "bound to a terminal"
ANOTHER_USER = "another user's"
GUARDED = "part of another guarded session"
OURS = "memguard's own"


class Rule:
    """The least that is always spared: what somebody may be looking at, and what is another user's.

    `own_terminal` is the client's own, by device number: what shares it, as MCP servers do, is not bound to it.
    """

    def __init__(self, own_terminal: int = 0, proc: str = "/proc") -> None:
        self._own_terminal = own_terminal
        self._proc = proc
        self._mine: dict[Key, bool] = {}

    def spare(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        """Who of the family stays, and why; all of the family are in the table."""
        found = self._bound(family, table)
        for pid in family - found.keys():
            if not self._is_mine(table[pid]):
                found[pid] = ANOTHER_USER
        return found

    def _bound(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        return with_all_around(self._holders(family, table), family, table)

    def _holders(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        return {pid: TERMINAL for pid in family if table[pid].terminal not in (0, self._own_terminal)}

    def _is_mine(self, row: Row) -> bool:
        if key_of(row) not in self._mine:
            self._mine[key_of(row)] = current.is_mine(row.pid, self._proc)
        return self._mine[key_of(row)]


class PartRule(Rule):
    """For a part of a session that goes on: spared is also what has a guard of its own, and memguard's own processes.

    `guarded` are the pids of guarded clients; each is lost without its launcher, so who leads to it stays, too.
    """

    def __init__(self, guarded: frozenset[int], own_terminal: int = 0, proc: str = "/proc") -> None:
        super().__init__(own_terminal, proc)
        self._guarded = guarded

    def spare(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        """As above; a process of memguard's alone, whatever is around it: it may be a command that a tool has run."""
        found = super().spare(family, table)
        own = {pid: OURS for pid in family - found.keys() if is_own_process(pid, self._proc)}
        return found | own

    def _holders(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        return dict.fromkeys(family & self._guarded, GUARDED) | super()._holders(family, table)


class ByConsent(Rule):
    """The person said yes: another user's are spared all the same, since they can't be ended."""

    def _bound(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        return with_all_around({}, family, table)


def with_all_around(holders: dict[int, str], family: set[int], table: dict[int, Row]) -> dict[int, str]:
    """The holders, who of the family is above them, and all of it that is below them; each with the holder's reason."""
    found: dict[int, str] = {}
    for why in sorted(set(holders.values())):
        pids = {pid for pid, other in holders.items() if other == why}
        around = with_ancestors(pids, table, family) | with_descendants(pids, table) & family
        found |= {pid: why for pid in around if pid not in found}
    return found | holders


def key_of(row: Row) -> Key:
    """What tells a process of the table from another one that has its pid."""
    return row.pid, row.start_ticks
