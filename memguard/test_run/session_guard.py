"""Which guard this process is in, as one that a guarded client has started: by the process tree, not by variables.

Variables say only where to look. A guard is believed where an ancestor of this process, told apart by its start, is on
record as its client. A process that has lost its parent is found by the client that its variables name, where the
launcher of that client's guard is an ancestor: what daemonises in a session becomes the launcher's.
"""

import itertools
import os

from memguard.core.layout import CLIENT, GUARD, client_record, guard_dir, is_own_dir, is_plain_id
from memguard.host import linux
from memguard.test_run.own_file import read_pairs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A shell that calls itself can be deep; a loop in a `/proc` that is none has to end.
_MOST_ANCESTORS = 256
_ENVIRONMENT_BYTES = 262144


class SessionGuard:
    """A guard's folder, its client's pid, and the client's child (or the launcher's) that led to this process."""

    __slots__ = ("client_pid", "folder", "root_pid")

    def __init__(self, folder: str, client_pid: int, root_pid: int) -> None:
        self.folder = folder
        self.client_pid = client_pid
        self.root_pid = root_pid


def find_guard(environment: "Mapping[str, str]") -> "SessionGuard | None":
    """The nearest guard above this process; None where there is none. May raise OSError where `/proc` is odd."""
    line = _line()
    named = environment.get("CLAUDE_PID", "")
    named_pid = int(named) if named.isascii() and named.isdecimal() and len(named) < 11 else 0
    for runtime_dir in _runtime_dirs(environment, named_pid if named_pid in line else 0):
        if is_own_dir(runtime_dir):
            found = _above(runtime_dir, line) or _beside(runtime_dir, line, named_pid)
            if found:
                return found
    return None


def _line() -> list[int]:
    """This process and its ancestors, nearest first; the first process too: in a container it may be the client."""
    line = [os.getpid()]
    while len(line) < _MOST_ANCESTORS:
        parent = linux.parent_pid(line[-1])
        if parent <= 0 or parent in line:
            break
        line.append(parent)
    return line


def _runtime_dirs(environment: "Mapping[str, str]", client_pid: int) -> "Iterator[str]":
    """Where memguard's runtime folder may be, as `platformdirs` finds it; last, where the client itself has it."""
    user = os.geteuid()
    below = [environment.get("XDG_RUNTIME_DIR", ""), f"/run/user/{user}"]
    below += [f"{folder}/runtime-{user}" for folder in (environment.get("TMPDIR", ""), "/tmp") if folder]  # noqa: S108
    below = list(dict.fromkeys(below))
    for folder in below:
        if os.path.isabs(folder):
            yield f"{folder}/memguard"
    clients = _runtime_dir_of(client_pid) if client_pid else ""
    if os.path.isabs(clients) and clients not in below:
        yield f"{clients}/memguard"


def _runtime_dir_of(pid: int) -> str:
    """The variable of a process: a test run may have a runtime folder of its own."""
    variables = linux.read_bytes(f"/proc/{pid}/environ", _ENVIRONMENT_BYTES).split(b"\0")
    name = b"XDG_RUNTIME_DIR="
    return next((os.fsdecode(item.removeprefix(name)) for item in variables if item.startswith(name)), "")


def _above(runtime_dir: str, line: list[int]) -> "SessionGuard | None":
    """The nearest ancestor that is a client, this process excepted."""
    for child, pid in itertools.pairwise(line):
        folder = _guard_of(runtime_dir, pid)
        if folder:
            return SessionGuard(folder, pid, child)
    return None


def _beside(runtime_dir: str, line: list[int], client_pid: int) -> "SessionGuard | None":
    """By the launcher: it is the parent of its client, and of what has daemonised."""
    folder = _guard_of(runtime_dir, client_pid) if client_pid else ""
    launcher = read_pairs_of(f"{folder}/{GUARD}").get("launcher", "") if folder else ""
    for child, pid in itertools.pairwise(line):
        if launcher and launcher == who_is(pid):
            return SessionGuard(folder, client_pid, child)
    return None


def _guard_of(runtime_dir: str, pid: int) -> str:
    """The folder of the guard whose client has `pid` now; empty where that is nobody's client."""
    record = read_pairs_of(client_record(runtime_dir, pid))
    if not record or not is_plain_id(record.get("guard", "")):
        return ""
    folder, who = guard_dir(runtime_dir, record["guard"]), who_is(pid)
    names = (record.get("id", ""), read_pairs_of(f"{folder}/{CLIENT}").get("id", ""))
    return folder if who and names == (who, who) and is_own_dir(folder) else ""


def who_is(pid: int) -> str:
    """A process as `core.identity` writes it down; empty where nobody has that pid, or `/proc` is another namespace's.

    Spelled out, as in a hook: `host.identity` brings six modules, at 0.2 ms each.
    """
    ticks = linux.start_ticks(pid)
    boot = linux.read_bytes("/proc/sys/kernel/random/boot_id", 64).decode("ascii", "replace").strip()
    if not ticks or not boot or os.readlink("/proc/self") != str(os.getpid()):
        return ""
    return f"{pid}:{ticks}:{boot}:{os.stat('/proc/self/ns/pid').st_ino}"
