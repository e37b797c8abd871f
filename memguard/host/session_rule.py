"""Who of what a session left is spared: beside what always is, other sessions' and what others use."""

from collections.abc import Iterable

from memguard.host.environment import Marks, marks_of
from memguard.host.session_life import OVER, UNKNOWN, SessionLife
from memguard.host.sparing import Key, Rule, above_the_living, key_of, with_all_around
from memguard.host.table import Row

ANOTHER_SESSION = "part of another session"
UNKNOWN_SESSION = "part of a session that memguard doesn't know"
# Deeper than any tree of tools; what is below that is asked about.
_MOST_ABOVE = 64


class SessionRule(Rule):
    """For what a session left: spared is also what is of another session that isn't over, and what others use.

    `session_ids` are those of the session that is being ended, whatever `life` says of them. `recorded` are processes
    of tool calls of clients that are gone, with their session's id and their client's pid: that id counts as over for
    them and what they started, also where another client has resumed the session.
    """

    def __init__(
        self, life: SessionLife, session_ids: Iterable[str] = (), own_terminal: int = 0, proc: str = "/proc"
    ) -> None:
        super().__init__(own_terminal, proc)
        self.recorded: dict[Key, tuple[str, int]] = {}
        self._life = life
        self._own_ids = frozenset(session_ids)
        self._anothers: dict[Key, str] = {}
        self._used: dict[Key, str] = {}

    def _holders(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        others = {pid: why for pid in family if (why := self._anothers_for(table[pid], table))}
        return others | super()._holders(family, table)

    def _anothers_for(self, row: Row, table: dict[int, Row]) -> str:
        """Why a process is another session's; empty where it isn't. An environment is read once."""
        if key_of(row) not in self._anothers:
            why = self._why_anothers(marks_of(row.pid, self._proc), row, table)
            self._anothers[key_of(row)] = ANOTHER_SESSION if self._life.is_client(row) else why
        return self._anothers[key_of(row)]

    def _why_anothers(self, marks: Marks, row: Row, table: dict[int, Row]) -> str:
        if not marks.session_id or marks.session_id in self._own_ids or self._is_recorded(marks, row, table):
            return ""
        state = self._life.of(marks.session_id)
        if state == OVER and not may_have_client(marks, row, table):
            return ""
        return UNKNOWN_SESSION if state == UNKNOWN else ANOTHER_SESSION

    def _is_recorded(self, marks: Marks, row: Row, table: dict[int, Row]) -> bool:
        """Whether it, or a process above it, is on record; or it names the dead client of one that is."""
        if (marks.session_id, marks.client_pid) in self.recorded.values():
            return not may_have_client(marks, row, table)
        above: Row | None = row
        for _ in range(_MOST_ABOVE if self.recorded else 0):
            if above is None:
                return False
            if self.recorded.get(key_of(above), ("", 0))[0] == marks.session_id:
                return True
            above = table.get(above.parent_pid)
        return False

    def _bound(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
        """Whether a process is in use is found out once, before it or its users are signalled."""
        above = above_the_living(self._life, table) & family
        spared = super()._bound(family, table) | dict.fromkeys(above, ANOTHER_SESSION)
        if any(key_of(table[pid]) not in self._used for pid in family):
            found = self._in_use(family, spared, table)
            for pid in family:
                self._used.setdefault(key_of(table[pid]), found.get(pid, ""))
        used = {pid: why for pid in family if (why := self._used[key_of(table[pid])])}
        return with_all_around(used, family, table) | spared

    def _in_use(self, family: set[int], spared: dict[int, str], table: dict[int, Row]) -> dict[int, str]:
        """Who is spared and connected to another one keeps that one, too."""
        from memguard.host.in_use import Connections  # not for a watchdog that has nothing to sweep

        connections = Connections(family, self._proc)
        found: dict[int, str] = {}
        while used := connections.users(family - spared.keys() - found.keys()):
            found |= with_all_around(used, family, table)
        return found


def may_have_client(marks: Marks, row: Row, table: dict[int, Row]) -> bool:
    """Whether the client that a process's environment names may live: that pid is an older process's.

    A pid that was given away since belongs to a younger one.
    """
    client = table.get(marks.client_pid)
    return client is not None and not client.ended and client.start_ticks <= row.start_ticks
