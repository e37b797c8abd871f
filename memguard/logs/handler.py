"""Records of `logging` as lines of memguard's own log.

Not `RotatingFileHandler`: it takes the file for its own, and loses what other processes write while it rotates.
"""

import logging

from memguard.core.log import LEVELS, append_log, described, is_logged


class StateFolderHandler(logging.Handler):
    """Writes each record that names a state folder (`extra={"state_dir": ...}`) into that folder's log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """The level is that of `[log]`, whatever this handler's own is."""
        return is_logged(level_name(record.levelno)) and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        """One line; of an error, its kind and place, since a traceback may show values."""
        state_dir = getattr(record, "state_dir", "")
        if not state_dir:
            return
        text = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        append_log(state_dir, f"{text}: {described(error)}" if error else text, level_name(record.levelno))


def level_name(number: int) -> str:
    """The level at or below a number of `logging`'s."""
    return LEVELS[min(max(number // 10 - 1, 0), len(LEVELS) - 1)]
