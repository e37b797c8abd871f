"""The end of the client's transcript, where it says what was going on last."""

import os

from memguard.core import light_json as json
from memguard.core.permission import MODES

# What is looked for stands in the last lines; a call whose input alone is larger can't be recognised again.
_TAIL_BYTES = 1048576
# The first message stands in the first lines, behind what hooks and settings left there.
_PART_BYTES = 4194304
_USER, _ASSISTANT = b'"type":"user"', b'"type":"assistant"'


def transcript_tail(path: str) -> bytes:
    """The last MiB; empty where there is no plain file."""
    return _part(path, -_TAIL_BYTES)


def _part(path: str, offset: int) -> bytes:
    """A few MiB from `offset` on; from a negative one, that much before the end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return b""
    try:
        size_bytes = os.fstat(descriptor).st_size
        return os.pread(descriptor, _PART_BYTES, offset if offset >= 0 else max(0, size_bytes + offset))
    finally:
        os.close(descriptor)


def has_message(path: str) -> bool:
    """Whether a line near the beginning is a message of the person's: without one, the client resumes nothing."""
    data = _part(path, 0)
    *lines, last = data.split(b"\n")
    is_cut = len(data) == _PART_BYTES and _USER in last  # by us: it goes on
    return is_cut or any(_is_user(line) for line in lines if _USER in line)


def has_more_since(path: str, offset: int) -> bool:
    """Whether anybody has said anything from `offset` on: a client that ends writes down other things, too."""
    data = _part(path, offset)
    return _USER in data or _ASSISTANT in data


def _is_user(line: bytes) -> bool:
    try:
        return bool(json.loads(line).get("type") == "user")
    except (ValueError, AttributeError):
        return False


def last_permission_mode(path: str) -> str:
    """The mode that the client noted last; empty where it noted none.

    Shift+Tab after a turn's last event reaches no hook, but the client writes it down when it is told to end.
    """
    for line in reversed(transcript_tail(path).split(b"\n")):
        if line.startswith(b'{"type":"permission-mode"'):
            mode = _mode_in(line)
            if mode:
                return mode
    return ""


def _mode_in(line: bytes) -> str:
    try:
        mode = json.loads(line).get("permissionMode")
    except (ValueError, AttributeError):
        return ""
    return mode if mode in MODES else ""
