"""Which Claude sessions go on, which are over, and of which nobody here can say.

From the guard registry (`core.session_clients`, guards and their clients) and from the client's own registry, where a
client without memguard may have resumed a conversation. What is doubtful is never over.
"""

import os
import stat

from memguard.core import light_json as json
from memguard.core.identity import ProcessId, process_in
from memguard.core.layout import CLIENT, GUARD, SESSIONS, WATCHDOG, is_plain_id, read_pairs
from memguard.core.session_clients import SessionRecord, read_session, session_ids
from memguard.host.identity import is_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.host.table import Row

LIVING = "living"
OVER = "over"
UNKNOWN = "unknown"

# The client's registry is undocumented and may be anybody's folder: some bytes of some plain files of it.
_LONGEST_ENTRY = 65536
_MOST_ENTRIES = 1000


class SessionLife:
    """The sessions of this user at the moment of `table`. A `runtime_dir` that is empty knows none."""

    def __init__(self, runtime_dir: str, table: "dict[int, Row]") -> None:
        self.clients: dict[int, int] = {}  # pid and start ticks of clients that live, whether guarded or not
        self.own_pids: set[int] = set()  # of launchers and watchdogs that live
        self.records: list[SessionRecord] = []
        self.dead_guards: list[str] = []  # folders of guards of which nobody is left, not even a watchdog
        self._runtime_dir = runtime_dir
        self._table = table
        self._states: dict[str, str] = {}
        self._read_dirs: set[str] = set()
        if runtime_dir:
            self._read_sessions()
            self._read_guards()
            self._read_clients()

    def of(self, session_id: str) -> str:
        """LIVING, OVER or UNKNOWN."""
        return self._states.get(session_id, UNKNOWN)

    def lives(self, who: ProcessId) -> bool:
        """Whether this very process is in the table, and runs."""
        row = self._table.get(who.pid)
        return row is not None and not row.ended and row.start_ticks == who.start_ticks and is_local(who)

    def is_gone(self, who: ProcessId) -> bool:
        """Whether this very process is known to be gone: of another boot or namespace, nobody knows it here."""
        return is_local(who) and not self.lives(who)

    def is_client(self, row: "Row") -> bool:
        """Whether a process is a client that lives."""
        return self.clients.get(row.pid) == row.start_ticks

    def ask_clients(self, config_dir: str) -> None:
        """Take in the client's own registry below `config_dir`: whoever lives there keeps its session alive."""
        folder = f"{config_dir}/sessions"
        if not os.path.isabs(config_dir) or folder in self._read_dirs:
            return
        self._read_dirs.add(folder)
        try:
            names = os.listdir(folder)[:_MOST_ENTRIES]
        except (OSError, ValueError):
            return
        for name in names:
            if name.endswith(".json"):
                self._take_entry(_entry(f"{folder}/{name}"))

    def _take_entry(self, entry: "dict[str, object]") -> None:
        pid, started, session = entry.get("pid"), entry.get("procStart"), entry.get("sessionId")
        row = self._table.get(pid) if isinstance(pid, int) and not isinstance(pid, bool) else None
        if row is None or row.ended or str(started or row.start_ticks) != str(row.start_ticks):
            return
        self.clients[row.pid] = row.start_ticks
        if isinstance(session, str) and is_plain_id(session):
            self._states[session] = LIVING

    def _read_sessions(self) -> None:
        for session_id in session_ids(self._runtime_dir):
            record = read_session(self._runtime_dir, session_id)
            self.records.append(record)
            living = {client.pid: client.start_ticks for client in record.clients if self.lives(client)}
            self.clients |= living
            self._states[session_id] = LIVING if living else self._state_without_client(record)

    def _state_without_client(self, record: SessionRecord) -> str:
        is_known = record.is_whole and bool(record.clients)
        return OVER if is_known and all(map(self.is_gone, record.clients)) else UNKNOWN

    def _read_guards(self) -> None:
        """A guard whose launcher lives may be between two clients: its sessions are not over."""
        for folder in guard_folders(self._runtime_dir):
            launcher, client = guard_processes(folder)
            watchdog = process_in(_first_line(f"{folder}/{WATCHDOG}"))
            self.own_pids |= {who.pid for who in (launcher, watchdog) if who and self.lives(who)}
            if client and self.lives(client):
                self.clients[client.pid] = client.start_ticks
            named = [who for who in (launcher, client) if who]
            if any(map(self.lives, named)):
                self._mark(folder, LIVING)
            elif not all(map(self.is_gone, named)):
                self._mark(folder, UNKNOWN)
            elif client and (watchdog is None or self.is_gone(watchdog)):
                self.dead_guards.append(folder)

    def _mark(self, folder: str, state: str) -> None:
        for name in _names(f"{folder}/{SESSIONS}"):
            if self._states.get(name) != LIVING:
                self._states[name] = state

    def _read_clients(self) -> None:
        for name in _names(f"{self._runtime_dir}/clients"):
            client = process_in(read_pairs(f"{self._runtime_dir}/clients/{name}").get("id", ""))
            if client and self.lives(client):
                self.clients[client.pid] = client.start_ticks


def guard_folders(runtime_dir: str) -> "list[str]":
    """The folders of all guards, no link among them."""
    base = f"{runtime_dir}/guards"
    return [path for path in (f"{base}/{name}" for name in _names(base)) if not os.path.islink(path)]


def guard_processes(folder: str) -> "tuple[ProcessId | None, ProcessId | None]":
    """A guard's launcher and client, as far as they are on record."""
    launcher = read_pairs(f"{folder}/{GUARD}").get("launcher", "")
    return process_in(launcher), process_in(read_pairs(f"{folder}/{CLIENT}").get("id", ""))


def _first_line(path: str) -> str:
    """The first line of a small file; empty where there is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline(4096).strip()
    except OSError:
        return ""


def _names(folder: str) -> "list[str]":
    try:
        return [name for name in os.listdir(folder) if is_plain_id(name)]
    except OSError:
        return []


def _entry(path: str) -> "dict[str, object]":
    """One entry of the client's registry; empty where it is anything else than a small JSON object."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    except (OSError, ValueError):
        return {}
    try:
        is_plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        entry = json.loads(os.read(descriptor, _LONGEST_ENTRY)) if is_plain else {}
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(descriptor)
    return entry if isinstance(entry, dict) else {}
