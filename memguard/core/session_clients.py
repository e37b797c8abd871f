"""Which clients have ever had a session id: `<runtime>/sessions/<session id>`.

One line a fact, appended in one `write` each, so that two clients that resume the same conversation at the same
moment never lose one another:

    client=<ProcessId>                     this client has, or had, the id
    left=<ProcessId> <ProcessId> <tool>    a process of a tool call (or, with `-`, of the client's own control group)
                                           that outlived its guard; its client
    told=<ProcessId>                       the person was told of this one, which is asked about

The file outlives the guard's folder: an id is over only when every client that ever had it is gone.
"""

import os
import stat

from memguard.core.identity import ProcessId
from memguard.core.layout import SESSION_CLIENTS, is_plain_id, private_dir, remove, write_all
from memguard.core.log import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Some 600 clients of one conversation; a larger file is not ours.
_MOST_BYTES = 65536
_LONGEST_NAME = 120
# A file that is dropped while a line is appended to it is begun anew.
_TRIES = 8
_ASIDE = ".dropped"
# In place of a tool's name: what was in the control group that memguard had put the client into.
OF_GROUP = "-"
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Left:
    """A process of a tool call that outlived its guard, and the client that it was started by."""

    __slots__ = ("client", "tool", "who")

    def __init__(self, who: ProcessId, client: ProcessId, tool: str) -> None:
        self.who = who
        self.client = client
        self.tool = tool


class SessionRecord:
    """What one file says. `is_whole` is off where any of it can't be believed: then nothing may be ended by it."""

    __slots__ = ("clients", "is_whole", "left", "session_id", "told")

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.clients: list[ProcessId] = []
        self.left: list[Left] = []
        self.told: set[str] = set()
        self.is_whole = False


def add_client(runtime_dir: str, session_id: str, client: ProcessId) -> None:
    """Note that a client has this id. What an earlier boot of the host left in the file goes: it can't live."""
    record = read_session(runtime_dir, session_id)
    if record.is_whole and any(other.boot_id != client.boot_id for other in record.clients):
        drop_session(runtime_dir, session_id, lambda _: True)
        for other in record.clients:
            if other.boot_id == client.boot_id:
                _append(runtime_dir, session_id, f"client={other.to_text()}")
        record = read_session(runtime_dir, session_id)
    if client not in record.clients:
        _append(runtime_dir, session_id, f"client={client.to_text()}")


def add_left(runtime_dir: str, session_id: str, left: Left) -> None:
    """Note a living process of a tool call whose guard is about to be removed."""
    name = "".join(c if c.isalnum() or c in "_-." else "_" for c in left.tool)[:_LONGEST_NAME] or "tool"
    if all(left.who != known.who for known in read_session(runtime_dir, session_id).left):
        _append(runtime_dir, session_id, f"left={left.who.to_text()} {left.client.to_text()} {name}")


def add_told(runtime_dir: str, session_id: str, who: ProcessId) -> None:
    """Note that the person was told of a process, so that no start says it again."""
    _append(runtime_dir, session_id, f"told={who.to_text()}")


def read_session(runtime_dir: str, session_id: str) -> SessionRecord:
    """What is recorded of an id; without clients where there is nothing."""
    return _parsed(session_id, _text(_path(runtime_dir, session_id)) if is_plain_id(session_id) else None)


def session_ids(runtime_dir: str) -> list[str]:
    """Every id that the registry knows."""
    try:
        names = os.listdir(f"{runtime_dir}/{SESSION_CLIENTS}")
    except OSError:
        return []
    return sorted(name for name in names if is_plain_id(name))


def drop_session(runtime_dir: str, session_id: str, is_over: "Callable[[SessionRecord], bool]") -> bool:
    """Forget an id if `is_over` still holds; True when it was forgotten.

    It is asked of the file under another name: a line that was appended in between is seen, and one that comes after
    finds no file and begins a new one.
    """
    path = _path(runtime_dir, session_id)
    aside = f"{path}.{os.getpid()}{_ASIDE}"
    try:
        os.rename(path, aside)
    except OSError:
        return False
    text = _text(aside)
    if not is_over(_parsed(session_id, text)):
        _put_back(runtime_dir, session_id, (text or "").splitlines())
        remove(aside)
        return False
    return remove(aside)


def _put_back(runtime_dir: str, session_id: str, lines: "Iterable[str]") -> None:
    for line in lines:
        _append(runtime_dir, session_id, line)


def _path(runtime_dir: str, session_id: str) -> str:
    return f"{runtime_dir}/{SESSION_CLIENTS}/{session_id}"


def _append(runtime_dir: str, session_id: str, line: str) -> None:
    """One line, in one write; again where the file was dropped meanwhile."""
    if not is_plain_id(session_id):
        raise ValueError("not a session id")
    private_dir(f"{runtime_dir}/{SESSION_CLIENTS}")
    path = _path(runtime_dir, session_id)
    data = f"{printable(line, 1024)}\n".encode()
    for _ in range(_TRIES):
        if _append_once(path, data):
            return
    raise OSError(f"{path} is dropped again and again")


def _append_once(path: str, data: bytes) -> bool:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | _NO_FOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        own = os.fstat(descriptor)
        if not stat.S_ISREG(own.st_mode):
            raise OSError(f"{path} is no plain file")
        write_all(descriptor, data)
        now = os.lstat(path)
    except FileNotFoundError:
        return False
    finally:
        os.close(descriptor)
    return (now.st_dev, now.st_ino) == (own.st_dev, own.st_ino)


def _text(path: str) -> "str | None":
    """The file as text; None where it is missing, another's, open to others, no plain file, or too long."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NO_FOLLOW)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        data = os.read(descriptor, _MOST_BYTES) if _is_ours(status) else b""
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data.decode("ascii", "replace") if 0 < len(data) < _MOST_BYTES else None


def _is_ours(status: os.stat_result) -> bool:
    if os.name != "posix":
        return True
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _parsed(session_id: str, text: "str | None") -> SessionRecord:
    record = SessionRecord(session_id)
    if text is not None:
        taken = [_take(record, line) for line in text.splitlines()]
        record.is_whole = all(taken) and text.endswith("\n")
    return record


def _take(record: SessionRecord, line: str) -> bool:
    """Take one line in; whether it is one of ours."""
    kind, _, rest = line.partition("=")
    words = rest.split(" ")
    try:
        if kind == "client" and len(words) == 1:
            record.clients.append(ProcessId.from_text(rest))
        elif kind == "told" and len(words) == 1:
            record.told.add(ProcessId.from_text(rest).to_text())
        elif kind == "left" and len(words) == 3:
            record.left.append(Left(ProcessId.from_text(words[0]), ProcessId.from_text(words[1]), words[2]))
        else:
            return False
    except ValueError:
        return False
    return True
