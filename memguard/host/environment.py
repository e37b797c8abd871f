"""Which Claude session a process was started in: the one variable that is looked for in an environment.

Nothing else of an environment is kept, since it holds secrets.
"""

import os

from memguard.core.layout import is_plain_id

_NAME = b"\0CLAUDE_CODE_SESSION_ID="
# Far above the 128 KB of one variable and above the usual 2 MB for all; a process can make its own look larger.
_MOST_BYTES = 4 * 1024 * 1024


def session_id_of(pid: int, proc: str = "/proc") -> str:
    """The session id that a process was started with; empty where it has none or may not be read."""
    data = b"\0" + _environment(pid, proc)
    begin = data.find(_NAME)
    if begin < 0:
        return ""
    begin += len(_NAME)
    text = data[begin : begin + 65].partition(b"\0")[0].decode("ascii", "replace")
    return text if is_plain_id(text) else ""


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
