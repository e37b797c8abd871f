"""One line of JSON, however long, read in bounded memory: long strings are cut before anything is parsed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# Above this a line is cut first: parsing takes about three times its length in memory.
PLAIN_BYTES = 262144
_BLOCK_BYTES = 1048576
_KEPT_BYTES = 8192  # of each string
_MOST_BYTES = 1048576  # of a whole line after cutting
_LONGEST_ESCAPE = 6
_WINDOW_BYTES = 65536
# Whole characters and whole escapes: it stops before a quote, and before an escape that the next block completes.
_TEXT = re.compile(rb'(?:[^"\\]++|\\u[0-9A-Fa-f]{4}|\\[^u])*+', re.DOTALL)


def parse_line(descriptor: int, offset: int, length: int) -> dict[str, Any]:
    """The object in `length` bytes at `offset` of a file; strings over 8 KiB are cut where the line is long.

    Empty for anything that is not a JSON object: torn, not UTF-8 where it matters, too deep, or too much even when cut.
    """
    import os

    if length <= PLAIN_BYTES:
        return _parsed(os.pread(descriptor, length, offset))
    ends = range(offset, offset + length, _BLOCK_BYTES)
    return _parsed(shortened(os.pread(descriptor, min(_BLOCK_BYTES, offset + length - at), at) for at in ends))


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def shortened(blocks: Iterable[bytes]) -> bytes:
    """The same JSON with each string cut to 8 KiB; cut off (so no JSON any more) where even that is over 1 MiB."""
    cutter = _Cutter()
    for block in blocks:
        cutter.feed(block)
        if len(cutter.kept) > _MOST_BYTES:
            break
    return bytes(cutter.kept)


class _Cutter:
    """Walks from quote to quote; `kept` is what is left of the line so far."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self._is_inside = False
        self._room = 0
        self._carried = b""  # an escape that the block ends in

    def feed(self, block: bytes) -> None:
        data, position = self._carried + block, 0
        self._carried = b""
        while position < len(data):
            position = self._string(data, position) if self._is_inside else self._between(data, position)

    def _between(self, data: bytes, position: int) -> int:
        quote = data.find(b'"', position)
        end = len(data) if quote < 0 else quote + 1
        self.kept += data[position:end]
        self._is_inside, self._room = quote >= 0, _KEPT_BYTES
        return end

    def _string(self, data: bytes, position: int) -> int:
        if self._room > 0:
            position = self._keep(data, position)
        return self._skip(data, position) if self._is_inside and self._room == 0 else position

    def _keep(self, data: bytes, position: int) -> int:
        """As much as there is room for, and never half of an escape; where it stopped."""
        most = position + self._room
        match = _TEXT.match(data, position, most)
        end = match.end() if match else position
        self.kept += data[position:end]
        self._room -= end - position
        if data[end : end + 1] == b'"':
            return self._close(end)
        if self._room > 0 and len(data) - end < _LONGEST_ESCAPE:
            self._carried = data[end:]
            return len(data)
        if self._room >= _LONGEST_ESCAPE:
            return end + 2  # no escape that JSON knows: the line won't parse
        self._room = 0
        return end

    def _skip(self, data: bytes, position: int) -> int:
        """To the end of the string. Escapes are masked, not matched: a quarter of the time."""
        while position < len(data):
            window = data[position : position + _WINDOW_BYTES].replace(b"\\\\", b"--")
            if window.endswith(b"\\"):  # it belongs to what follows
                window = window[:-1]
            quote = window.replace(b'\\"', b"--").find(b'"')
            if quote >= 0:
                return self._close(position + quote)
            if not window:
                self._carried = data[position:]
                return len(data)
            position += len(window)
        return position

    def _close(self, quote: int) -> int:
        self.kept += b'"'
        self._is_inside = False
        return quote + 1
