"""Where the whole lines of a conversation end: what a crash, or a capture in the middle of a write, has left behind it.

A client that resumes a transcript with a torn last line may refuse it, or append its next line right behind the torn
bytes (see `watchdog/torn_line.py`, which sets them aside before a restart). So what is given back ends before them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memguard.state.envelope import Sink

# Longer than this, a line without its end is torn, whatever it holds: at no cost in memory.
_PARSED_BYTES = 8388608


class WholeLines:
    """A sink that passes everything on. `torn_bytes` are those at the end that are no whole line."""

    def __init__(self, sink: Sink) -> None:
        self.size_bytes = 0
        self._sink = sink
        self._last = bytearray()  # of the line that has no end yet: as much as is parsed, and one byte more
        self._last_bytes = 0

    def write(self, data: bytes, /) -> None:
        """Pass a piece on."""
        self._sink.write(data)
        self.size_bytes += len(data)
        end = data.rfind(b"\n") + 1
        if end:
            self._last.clear()
            self._last_bytes = 0
        self._last_bytes += len(data) - end
        self._last += data[end : end + _PARSED_BYTES + 1 - len(self._last)]

    @property
    def torn_bytes(self) -> int:
        """One whole object that only lacks its line end is not torn: every client reads it."""
        return 0 if _is_object(self._last) else self._last_bytes


def _is_object(line: bytearray) -> bool:
    if len(line) > _PARSED_BYTES:
        return False
    try:
        # As the client reads it: what is no UTF-8 is replaced, and costs nobody the line.
        return isinstance(json.loads(line.decode("utf-8", "replace")), dict)
    except (ValueError, RecursionError):
        return False
