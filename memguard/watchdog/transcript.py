"""The end of the client's transcript, where it says what was going on last."""

import os

from memguard.core import light_json as json
from memguard.core.permission import MODES

# What is looked for stands in the last lines; a call whose input alone is larger can't be recognised again.
_TAIL_BYTES = 1048576


def transcript_tail(path: str) -> bytes:
    """The last MiB; empty where there is no plain file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return b""
    try:
        size_bytes = os.fstat(descriptor).st_size
        return os.pread(descriptor, _TAIL_BYTES, max(0, size_bytes - _TAIL_BYTES))
    finally:
        os.close(descriptor)


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
