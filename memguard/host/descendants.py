"""What belongs to a session, also what has left its tree: processes in sessions of their own, and orphans."""

import time
from collections.abc import Iterable

from memguard.core.identity import ProcessId
from memguard.core.reading import TreeReading
from memguard.host import current
from memguard.host.environment import session_id_of
from memguard.host.identity import own_line, process_id
from memguard.host.linux import all_pids
from memguard.host.table import Row, with_descendants
from memguard.host.terminal_master import watched

_LONGEST_NAME = 64
# A generation of a program that forks and goes, in Python on a busy machine; of a restart, a fiftieth.
NEWBORN_S = 0.02


class Lineage:
    """Every process that was ever seen in the tree of one client, and that lives.

    `session_ids` are those found in the environments of the tree: they name the session where no hook does. One
    that the client itself was started with, `outer_id`, is an outer session's, and never counts.
    """

    def __init__(self, proc: str = "/proc") -> None:
        self.session_ids: set[str] = set()
        self.outer_id = ""
        self.client_terminal = 0
        self._proc = proc
        self._seen: dict[int, int] = {}  # pid: start ticks

    def __len__(self) -> int:
        """How many processes are remembered."""
        return len(self._seen)

    def observe(self, tree: TreeReading) -> None:
        """Remember who is in the tree, and forget who is dead; an environment is read once, for a new process."""
        if not tree.processes:
            return
        client_pid = tree.processes[0].pid
        for process in tree.processes:
            if self._seen.get(process.pid) != process.start_ticks:
                self._seen[process.pid] = process.start_ticks
                self._note(process.pid, process.pid == client_pid)
        self._forget_dead({process.pid for process in tree.processes})

    def living(self) -> list[ProcessId]:
        """Who was once seen in the tree, and lives."""
        seen = self._seen.items()
        return [process_id(pid, ticks) for pid, ticks in seen if current.start_ticks(pid, self._proc) == ticks]

    def survivors(
        self, session_ids: Iterable[str], exclude: Iterable[int] = (), *, newborn_s: float = NEWBORN_S
    ) -> list[ProcessId]:
        """All that lives and belongs to the session, by a scan of the whole host.

        That is: seen in the tree, or started with one of `session_ids`, or a descendant of such a process; not the
        pids in `exclude` (memguard's own, the client), nor this process and its ancestors. Once the session has
        been resumed, the new client's processes carry the same id: ask before. For `newborn_s` the host is looked at
        again and again, for those that come meanwhile.
        """
        table = current.scan(self._proc)
        kept = frozenset(exclude) | own_line()
        wanted = frozenset(session_ids) - {""}
        roots = {row.pid for row in table.values() if row.pid not in kept and self._is_ours(row, wanted)}
        found = with_descendants(roots, table, kept)
        survivors = [process_id(pid, table[pid].start_ticks) for pid in sorted(found) if not table[pid].ended]
        return survivors + self._newborn(set(table) | kept, wanted, newborn_s) if wanted else survivors

    def _newborn(self, known: set[int], wanted: frozenset[str], time_s: float) -> list[ProcessId]:
        """Who has come since the scan, looked at as soon as it is listed.

        One that lives for some ms, forks and goes is in no scan for long enough to have its environment read.
        """
        found: list[ProcessId] = []
        deadline_s = time.monotonic() + time_s
        while time.monotonic() < deadline_s:
            for pid in set(all_pids(self._proc)) - known:
                known.add(pid)
                ticks = current.start_ticks(pid, self._proc)
                if ticks and session_id_of(pid, self._proc) in wanted:
                    found.append(process_id(pid, ticks))
        return found

    def _note(self, pid: int, is_client: bool) -> None:
        session_id = session_id_of(pid, self._proc)
        if is_client:
            self.outer_id = session_id
            self.client_terminal = current.terminal_number(pid, self._proc)
        elif session_id and session_id != self.outer_id:
            self.session_ids.add(session_id)

    def _forget_dead(self, in_tree: set[int]) -> None:
        """One small read for each that has left the tree; the dead are gone after it, so it doesn't grow."""
        left = [pid for pid in self._seen if pid not in in_tree]
        for pid in left:
            if current.start_ticks(pid, self._proc) != self._seen[pid]:
                del self._seen[pid]

    def _is_ours(self, row: Row, wanted: frozenset[str]) -> bool:
        if self._seen.get(row.pid) == row.start_ticks:
            return True
        return bool(wanted) and session_id_of(row.pid, self._proc) in wanted


def is_terminal_bound(
    pid: int, proc: str = "/proc", own_terminal: int = 0, table: dict[int, Row] | None = None
) -> bool:
    """Whether a process or any descendant of it has a controlling terminal that somebody may be looking at.

    The client starts its tools without one. A tmux server has none itself, but its panes have. `own_terminal` is
    the device number of the client's own terminal, which does not count: MCP servers share it.
    """
    table = current.scan(proc) if table is None else table
    return bool(watched(with_descendants({pid}, table), table, own_terminal, proc))


def describe(pid: int, proc: str = "/proc") -> str:
    """A process's name for people: 64 characters at most, none of them a control; empty when it is gone."""
    name = current.command_name(pid, proc)
    return "".join(character for character in name if character.isprintable())[:_LONGEST_NAME]
