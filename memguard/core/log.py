"""memguard's own log: one line an entry, in UTC, never with a command, a variable or a text of the person's.

The light half's own writer, since `logging` alone would take three times what a quiet hook takes; the heavy half's
`memguard.logs` writes through it. A process goes by the level and format that it was told by `use_log`.
"""

import os
import time

DEBUG = "DEBUG"  # each reading
INFO = "INFO"  # what memguard does: events, restarts
WARNING = "WARNING"  # a threshold was reached, a mode has changed, something was done without
ERROR = "ERROR"  # a restart or a hook failed
CRITICAL = "CRITICAL"  # the emergency limit was reached; whoever guards has died
LEVELS = (DEBUG, INFO, WARNING, ERROR, CRITICAL)

HUMAN = "human"
JSON = "json"

_ROTATE_BYTES = 1048576
_LONGEST = 400


class _Used:
    """What this process was told."""

    level = INFO
    format = HUMAN


def use_log(level: str, kind: str) -> None:
    """Go by `[log]` from here on: one of LEVELS, and HUMAN or JSON; anything else leaves what is."""
    _Used.level = level if level in LEVELS else _Used.level
    _Used.format = kind if kind in (HUMAN, JSON) else _Used.format


def is_logged(level: str) -> bool:
    """Whether a line of this level is written; one that isn't need not be made."""
    return LEVELS.index(level) >= LEVELS.index(_Used.level)


def append_log(state_dir: str, text: str, level: str = WARNING) -> None:
    """Append one line; a log that can't be written is no reason to stop."""
    if not is_logged(level):
        return
    try:
        from memguard.core.layout import log_path  # who writes no line does without both
        from memguard.core.masking import masked

        _append(log_path(state_dir), _line(printable(masked(text), _LONGEST), level).encode("utf-8", "replace"))
    except OSError:
        return


def _line(text: str, level: str) -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if _Used.format == HUMAN:
        return f"{stamp} {level} {text}\n"
    from memguard.core import light_json

    return f"{light_json.dumps({'time': stamp, 'level': level, 'text': text})}\n"


def _append(path: str, line: bytes) -> None:
    """In one write to a file opened for appending, so that parallel writers never mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        os.write(descriptor, line)
        if os.lseek(descriptor, 0, os.SEEK_CUR) > _ROTATE_BYTES:
            from memguard.core.rotation import put_aside

            put_aside(path, descriptor)
    finally:
        os.close(descriptor)


def described(error: BaseException) -> str:
    """An error and the line of code that raised it, for the log."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} at {where}: {error}"


def printable(text: str, most: int) -> str:
    """`text` on one line and cut, with every character that a terminal could act on replaced."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])
