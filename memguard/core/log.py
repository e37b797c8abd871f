"""memguard's own log: one line an entry, in UTC, never with a command, a variable or a text of the person's."""

import os
import time

from memguard.core.layout import log_path

_ROTATE_BYTES = 1048576


def append_log(state_dir: str, text: str) -> None:
    """Append one line; a log that can't be written is no reason to stop."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = f"{stamp} {printable(text, 400)}\n"
    path = log_path(state_dir)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            os.write(descriptor, line.encode())
            if os.lseek(descriptor, 0, os.SEEK_CUR) > _ROTATE_BYTES:
                os.replace(path, path + ".1")
        finally:
            os.close(descriptor)
    except OSError:
        return


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
