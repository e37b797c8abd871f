"""Who of some processes that are to go is spared, and why: one rule for the sweep at a restart, and for orphans."""

from memguard.host import current
from memguard.host.own_processes import is_own_process
from memguard.host.table import Row, with_ancestors, with_descendants
from memguard.host.terminal_master import watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.host.session_life import SessionLife

Key = tuple[int, int]  # pid and start ticks

TERMINAL = "bound to a terminal"
ANOTHER_USER = "another user's"
GUARDED = "part of another guarded session"
LIVING = "part of a session that goes on"
OURS = "memguard's own"


class Rule:
    """The least that is always spared: what somebody may be looking at, and what is another user's.

    `own_terminal` is the client's own, by device number: what shares it, as MCP servers do, is not bound to it.
    """

    def __init__(self, own_terminal: int = 0, proc: str = "/proc") -> None:
        self._own_terminal = own_terminal
        self._proc = proc
        self._mine: dict[Key, bool] = {}
        self._watched: dict[tuple[int, int], bool] = {}  # by process session and terminal

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
        """Whether a terminal is looked at is found out once: who holds its master may be the first to be ended."""
        rows = [table[pid] for pid in family if table[pid].terminal not in (0, self._own_terminal)]
        if any((row.session, row.terminal) not in self._watched for row in rows):
            found = watched(family, table, self._own_terminal, self._proc)
            for row in rows:
                self._watched.setdefault((row.session, row.terminal), row.pid in found)
        return {row.pid: TERMINAL for row in rows if self._watched[row.session, row.terminal]}

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
        return found | _own_processes(family - found.keys(), self._proc)

    def _holders(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        return dict.fromkeys(family & self._guarded, GUARDED) | super()._holders(family, table)


class ByConsent(Rule):
    """The person said yes: spared is all the same what was not meant by it, or can't be ended.

    That are living clients with who is above and below them; who is above a launcher, which may be between two clients;
    memguard's own processes; and another user's.
    """

    def __init__(self, life: "SessionLife", proc: str = "/proc") -> None:
        super().__init__(proc=proc)
        self._life = life

    def spare(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        """As above; terminals count for nothing."""
        found = super().spare(family, table)
        return found | _own_processes(family - found.keys(), self._proc)

    def _bound(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        below = with_descendants(_living_clients(self._life, table), table)
        return dict.fromkeys((below | above_the_living(self._life, table)) & family, LIVING)


def above_the_living(life: "SessionLife", table: dict[int, Row]) -> set[int]:
    """Living clients, launchers, watchdogs, and who is above, whoever is between: memguard's own are of no family."""
    return with_ancestors(_living_clients(life, table) | life.own_pids & table.keys(), table, set(table))


def _living_clients(life: "SessionLife", table: dict[int, Row]) -> set[int]:
    return {row.pid for row in table.values() if life.is_client(row) and not row.ended}


def _own_processes(pids: set[int], proc: str) -> dict[int, str]:
    return {pid: OURS for pid in pids if is_own_process(pid, proc)}


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
