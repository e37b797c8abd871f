"""The plugin `event-log`: every event of every project as JSON lines in one file, 0600, rotated.

[plugins.event-log]
path = "/home/me/logs/memguard.jsonl"   # default: events.jsonl in the plugin's folder
rotate_mb = 10
keep = 5
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
from typing import TYPE_CHECKING

from memguard.plugins.context import OptionError
from memguard.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from io import TextIOWrapper

    from memguard.plugins.context import PluginContext
    from memguard.plugins.events import Event

_MB = 1024 * 1024


class EventLog:
    """Appends. Rotation is the standard library's: `events.jsonl.1` is the newest of those that were put aside."""

    def __init__(self, context: PluginContext) -> None:
        """Raises OptionError for options that it doesn't take, OSError where the file can't be opened."""
        context.only("path", "rotate_mb", "keep")
        path = context.option("path", str, "") or f"{context.folder()}/events.jsonl"
        rotate_mb, keep = context.option("rotate_mb", float, 10.0), context.option("keep", int, 5)
        if not os.path.isabs(path) or rotate_mb <= 0 or not 1 <= keep <= 100:
            raise OptionError(
                "path must be absolute, rotate_mb above 0, keep 1 to 100", f"see [plugins.{context.name}]"
            )
        self._handler = _PrivateFile(path, maxBytes=int(rotate_mb * _MB), backupCount=keep, encoding="utf-8")

    @hookimpl
    def event_recorded(self, event: Event) -> None:
        """Append one line."""
        line = json.dumps({"project": event.project, **event.fields})
        self._handler.handle(logging.LogRecord("memguard", logging.INFO, "", 0, line, None, None))

    @hookimpl
    def stopping(self) -> None:
        """Close the file."""
        self._handler.close()


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """One that this user alone may read, from its first byte on."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self.baseFilename, flags, 0o600)
        os.fchmod(descriptor, 0o600)
        return open(descriptor, "a", encoding=self.encoding)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  as logging has it
        """A disk that is full is said by the plugin's failure, not on a standard error that nobody sees."""
        raise  # noqa: PLE0704  it is called where the error was caught
