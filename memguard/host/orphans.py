"""What sessions that are over have left running, found by one scan of the host, and whether it may be ended unasked.

Ended without asking is what was recorded as part of a tool call of a dead client, or carries the id of a session that
is over, with all that descends from it; unless it is bound to a terminal, part of another session, or in use by others.
That, and what carries an id that nobody knows, is asked about.
"""

import os

from memguard.core.identity import ProcessId
from memguard.core.layout import FROZEN, TOOLS
from memguard.core.session_clients import OF_GROUP, SessionRecord, drop_session, read_session, session_ids
from memguard.core.sessions import newest_session
from memguard.core.tool_record import tools_of
from memguard.host import current
from memguard.host.descendants import describe
from memguard.host.environment import Marks, marks_of
from memguard.host.frozen_record import frozen_of
from memguard.host.identity import boot_id, is_alive, own_line, process_id
from memguard.host.own_processes import is_own_process
from memguard.host.session_life import OVER, UNKNOWN, SessionLife, guard_folders, guard_processes
from memguard.host.session_rule import UNKNOWN_SESSION, SessionRule, may_have_client
from memguard.host.table import Row, with_descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Orphan:
    """One process that was left; its name is for people."""

    __slots__ = ("footprint_bytes", "name", "who")

    def __init__(self, who: ProcessId, name: str, footprint_bytes: int) -> None:
        self.who = who
        self.name = name
        self.footprint_bytes = footprint_bytes


class OrphanTree:
    """A process that was left, with those of its descendants that the same holds for; the root comes first.

    `origin` says what shows that it was left; `asks` why it is not ended without asking, and is empty where it is;
    `session_id` is the session that it is of, as far as that is known.
    """

    __slots__ = ("asks", "origin", "processes", "session_id")

    def __init__(self, processes: list[Orphan], origin: str, session_id: str, asks: str) -> None:
        self.processes = processes
        self.origin = origin
        self.session_id = session_id
        self.asks = asks

    @property
    def root(self) -> Orphan:
        """Where it begins."""
        return self.processes[0]

    @property
    def footprint_bytes(self) -> int:
        """The sum over its processes."""
        return sum(process.footprint_bytes for process in self.processes)


class Orphans:
    """What was found in one scan. `life` and `rule` are what it was judged by, for the sweep that follows."""

    def __init__(self, runtime_dir: str, config_dirs: "Iterable[str]" = (), proc: str = "/proc") -> None:
        self._runtime_dir = runtime_dir
        self._proc = proc
        self._table = current.scan(proc)
        self._kept = own_line()
        self.life = SessionLife(runtime_dir, self._table)
        self._marks = self._read_marks()
        for config_dir in {*config_dirs, *(marks.config_dir for marks in self._marks.values())}:
            self.life.ask_clients(config_dir)
        self.rule = SessionRule(self.life, proc=proc)
        self.own_pids: set[int] = set(self.life.own_pids)  # memguard's own processes, never to be ended
        self._origins: dict[int, tuple[str, str]] = {}  # pid: origin, session id
        self._trees: list[OrphanTree] | None = None

    @property
    def trees(self) -> list[OrphanTree]:
        """All of them, the largest first; what is ended without asking before what is asked about."""
        if self._trees is None:
            self._trees = self._found()
        return self._trees

    @property
    def endable(self) -> list[OrphanTree]:
        """What is ended without asking."""
        return [tree for tree in self.trees if not tree.asks]

    @property
    def doubtful(self) -> list[OrphanTree]:
        """What is asked about."""
        return [tree for tree in self.trees if tree.asks]

    def forget_sessions(self) -> None:
        """Drop from the registry what is over and has left nothing, and what no boot but an earlier one knows."""
        carried = {marks.session_id for marks in self._marks.values()}
        for record in self.life.records:
            if record.session_id not in carried and self._is_settled(record):
                drop_session(self._runtime_dir, record.session_id, self._is_settled)

    def _is_settled(self, record: SessionRecord) -> bool:
        named = [*record.clients, *(left.who for left in record.left)]
        return all(self.life.is_gone(who) for who in named if who.boot_id == boot_id())

    def _read_marks(self) -> dict[int, Marks]:
        """Of every process of this user that carries a session id."""
        found = {}
        for row in self._table.values():
            marks = Marks() if row.ended else marks_of(row.pid, self._proc)
            if marks.session_id and current.is_mine(row.pid, self._proc):
                found[row.pid] = marks
        return found

    def _found(self) -> list[OrphanTree]:
        sheltered = with_descendants(set(self.life.clients), self._table)
        self._origins = self._recorded() | {
            pid: (f"session {marks.session_id[:8]} is over", marks.session_id)
            for pid, marks in self._marks.items()
            if self.life.of(marks.session_id) == OVER
        }
        for pid in sheltered & self._origins.keys():  # what a living client started is its own, whatever it inherited
            del self._origins[pid]
        left = self._family(set(self._origins), frozenset())
        spared = self.rule.spare(left, self._table)
        unknown = self._family(self._unknown(sheltered), frozenset(left))
        doubts = dict.fromkeys(unknown, UNKNOWN_SESSION) | self.rule.spare(unknown, self._table)
        return self._as_trees(left - spared.keys(), {}) + self._as_trees(set(spared) | unknown, doubts | spared)

    def _family(self, roots: set[int], stop_at: frozenset[int]) -> set[int]:
        """The roots and all below them that lives, without memguard's own processes and this process's line."""
        kept = self._kept | stop_at
        reached = with_descendants(roots, self._table, kept | self.own_pids)
        self.own_pids |= {pid for pid in reached if is_own_process(pid, self._proc)}
        found = with_descendants(roots, self._table, kept | self.own_pids)
        return {pid for pid in found if not self._table[pid].ended}

    def _recorded(self) -> dict[int, tuple[str, str]]:
        """What was recorded as part of a tool call of a client that is gone, or was stopped by its watchdog."""
        found = {}
        for who, client, session_id, origin in self._records():
            if self.life.lives(who) and self.life.is_gone(client) and current.is_mine(who.pid, self._proc):
                found[who.pid] = (origin, session_id)
                self.rule.recorded[who.pid, who.start_ticks] = (session_id, client.pid)
        return found

    def _records(self) -> "Iterator[tuple[ProcessId, ProcessId, str, str]]":
        """Process, client, session id and origin of each record, the surest last."""
        for folder in self.life.dead_guards:
            client, session_id = guard_processes(folder)[1], newest_session(folder)
            if client is None:
                continue
            for who in frozen_of(folder):
                yield who, client, session_id, "stopped by memguard"
            for tool in tools_of(folder):
                yield tool.who, client, tool.session or session_id, f"part of a {tool.tool or 'tool'} call"
        for record in self.life.records:
            for left in record.left:
                origin = "in its session's control group" if left.tool == OF_GROUP else f"part of a {left.tool} call"
                yield left.who, left.client, record.session_id, origin

    def _unknown(self, sheltered: set[int]) -> set[int]:
        """Who carries an id that the registry doesn't know, and whose client doesn't live as far as can be told."""
        return {
            pid for pid, marks in self._marks.items()
            if self.life.of(marks.session_id) == UNKNOWN and pid not in sheltered
            and not may_have_client(marks, self._table[pid], self._table)
        }  # fmt: skip

    def _as_trees(self, members: set[int], asks: dict[int, str]) -> list[OrphanTree]:
        """The members as trees, the largest first."""
        grouped: dict[int, list[int]] = {}
        for pid in sorted(members):
            grouped.setdefault(self._root_of(pid, members), []).append(pid)
        trees = []
        for root, pids in grouped.items():
            origin, session_id = self._origin_of(root)
            processes = [self._orphan(self._table[pid]) for pid in sorted(pids, key=lambda pid: (pid != root, pid))]
            trees.append(OrphanTree(processes, origin, session_id, asks.get(root, "")))
        return sorted(trees, key=lambda tree: (-tree.footprint_bytes, tree.root.who.pid))

    def _root_of(self, pid: int, members: set[int]) -> int:
        seen = {pid}
        while (parent := self._table[pid].parent_pid) in members and parent not in seen:
            seen.add(parent)
            pid = parent
        return pid

    def _origin_of(self, root: int) -> tuple[str, str]:
        """What shows that it was left: of itself, else of the nearest above it."""
        pid, seen = root, {0}
        while pid in self._table and pid not in seen:
            if pid in self._origins:
                return self._origins[pid]
            seen.add(pid)
            pid = self._table[pid].parent_pid
        marks = self._marks.get(root, Marks())
        return f"session {marks.session_id[:8]}", marks.session_id

    def _orphan(self, row: Row) -> Orphan:
        reading = current.read_process(row.pid, self._proc)
        size_bytes = reading.footprint_bytes if reading else 0
        return Orphan(process_id(row.pid, row.start_ticks), describe(row.pid, self._proc), size_bytes)


def may_have_left(runtime_dir: str) -> bool:
    """Whether a scan is worth its time: a session is over that the registry knows, or a guard has died with records.

    Some small files are read; where every session lives, or has been forgotten, nothing is scanned.
    """
    for name in session_ids(runtime_dir):
        clients = read_session(runtime_dir, name).clients
        if clients and not any(map(is_alive, clients)):
            return True
    return any(_died_with_records(folder) for folder in guard_folders(runtime_dir))


def _died_with_records(folder: str) -> bool:
    if not os.path.exists(f"{folder}/{TOOLS}") and not os.path.exists(f"{folder}/{FROZEN}"):
        return False
    return not any(who and is_alive(who) for who in guard_processes(folder))
