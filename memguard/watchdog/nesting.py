"""Guarded clients inside the tools of other guarded clients: whose bytes count where."""

import os
import time

from memguard.core.identity import ProcessId
from memguard.core.layout import is_own_dir
from memguard.host import current, identity
from memguard.watchdog.private_pairs import read_private_pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.reading import ProcessReading, TreeReading

# Reading it costs 0.1 ms for each client; who has ended is noticed this late.
_FRESH_S = 1.0
# A chain of parents longer than this is a loop, as of a pid that was given away while it was walked.
_LONGEST_LINE = 64


def guarded_clients(runtime_dir: str) -> "set[int]":
    """The pids of this user's living guarded clients; empty where the runtime folder isn't this user's own."""
    folder = f"{runtime_dir}/clients"
    if not (is_own_dir(runtime_dir) and is_own_dir(folder)):
        return set()
    try:
        names = os.listdir(folder)
    except OSError:
        return set()
    return {int(name) for name in names if name.isascii() and name.isdigit() and _is_living(f"{folder}/{name}", name)}


class GuardedClients:
    """The same for one who asks at every look: the registry is read when it has changed, or after a second."""

    __slots__ = ("_changed_ns", "_found", "_read_s", "_runtime_dir")

    def __init__(self, runtime_dir: str) -> None:
        self._runtime_dir = runtime_dir
        self._found: frozenset[int] = frozenset()
        self._changed_ns = -1
        self._read_s = float("-inf")

    def now(self) -> "frozenset[int]":
        """A client that has just come must be known before its memory is taken for its tool's."""
        now_s, changed_ns = time.monotonic(), _changed_ns(f"{self._runtime_dir}/clients")
        if changed_ns != self._changed_ns or now_s - self._read_s >= _FRESH_S:
            self._changed_ns, self._read_s = changed_ns, now_s
            self._found = frozenset(guarded_clients(self._runtime_dir))
        return self._found


def _changed_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _is_living(path: str, name: str) -> bool:
    try:
        who = ProcessId.from_text(read_private_pairs(path).get("id", ""))
    except ValueError:
        return False
    return str(who.pid) == name and identity.is_alive(who)


def is_inside(client_pid: int, clients: "set[int]") -> bool:
    """Whether a client descends from another of `clients`."""
    pid = client_pid
    for _ in range(_LONGEST_LINE):
        pid = current.parent_pid(pid)
        if pid <= 1:
            return False
        if pid in clients:
            return True
    return False


def own_processes(tree: "TreeReading", clients: "set[int]") -> "list[ProcessReading]":
    """The processes of a tree without the other guarded clients in it, nor what these have started.

    The tree's own client comes first in it, and is its own whether it is in `clients` or not.
    """
    others = clients - {tree.processes[0].pid} if tree.processes else set()
    if not others.intersection(process.pid for process in tree.processes):
        return tree.processes
    parents = {process.pid: process.parent_pid for process in tree.processes}
    return [process for process in tree.processes if not _is_below(process.pid, parents, others)]


def _is_below(pid: int, parents: "dict[int, int]", others: "set[int]") -> bool:
    for _ in range(len(parents)):
        if pid in others:
            return True
        if pid not in parents:
            return False
        pid = parents[pid]
    return False


def outside_bytes(tree: "TreeReading") -> int:
    """What of a session's processes has left the tree of its client: no walk from the client finds it again."""
    parents = {process.pid: process.parent_pid for process in tree.processes}
    client = {tree.processes[0].pid} if tree.processes else set()
    return sum(process.footprint_bytes for process in tree.processes if not _is_below(process.pid, parents, client))
