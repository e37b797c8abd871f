"""Which Claude session a process was started in: the few variables that are looked for in an environment.

Nothing else of an environment is kept, since it holds secrets.
"""

import os

from memguard.core.layout import is_plain_id

_NAME = b"CLAUDE_CODE_SESSION_ID"
# Far above the 128 KB of one variable and above the usual 2 MB for all; a process can make its own look larger.
_MOST_BYTES = 4 * 1024 * 1024
_LONGEST_PATH = 4096


class Marks:
    """What Claude Code leaves in the environment of what it starts: empty, or 0, where there is none.

    `client_pid` is a number that was true when the process began; `config_dir` the client's configuration folder.
    """

    __slots__ = ("client_pid", "config_dir", "session_id")

    def __init__(self, session_id: str = "", client_pid: int = 0, config_dir: str = "") -> None:
        self.session_id = session_id
        self.client_pid = client_pid
        self.config_dir = config_dir


def session_id_of(pid: int, proc: str = "/proc") -> str:
    """The session id that a process was started with; empty where it has none or may not be read."""
    return _session_id(b"\0" + _environment(pid, proc))


def marks_of(pid: int, proc: str = "/proc") -> Marks:
    """All of it from one reading; nothing for a process without a session id."""
    data = b"\0" + _environment(pid, proc)
    session_id = _session_id(data)
    if not session_id:
        return Marks()
    digits = _value(data, b"CLAUDE_PID", 11)
    home = _value(data, b"HOME", _LONGEST_PATH)
    config_dir = _value(data, b"CLAUDE_CONFIG_DIR", _LONGEST_PATH) or (home + b"/.claude" if home else b"")
    return Marks(session_id, int(digits) if digits.isdigit() else 0, os.fsdecode(config_dir))


def _session_id(data: bytes) -> str:
    text = _value(data, _NAME, 65).decode("ascii", "replace")
    return text if is_plain_id(text) else ""


def _value(data: bytes, name: bytes, most: int) -> bytes:
    """The first value of a variable, as `getenv` finds it, cut at `most` bytes; `data` begins with a zero byte."""
    begin = data.find(b"\0%s=" % name)
    if begin < 0:
        return b""
    begin += len(name) + 2
    return data[begin : begin + most].partition(b"\0")[0]


def begins_with(pid: int, variables: "tuple[bytes, ...]", proc: str = "/proc") -> list[bool]:
    """Which of these (`NAME=`, or a whole variable with its zero byte) a process has; none where it may not be read."""
    data = b"\0" + _environment(pid, proc)
    return [b"\0" + variable in data for variable in variables]


def _environment(pid: int, proc: str) -> bytes:
    try:
        descriptor = os.open(f"{proc}/{pid}/environ", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return _read_all(descriptor)
    except OSError:  # the process went between open and read
        return b""
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    pieces, size_bytes = [], 0
    while size_bytes < _MOST_BYTES:
        piece = os.read(descriptor, 65536)
        if not piece:
            break
        pieces.append(piece)
        size_bytes += len(piece)
    return b"".join(pieces)
