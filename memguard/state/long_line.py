"""What an index keeps of a line of a transcript that more than one block holds."""

from __future__ import annotations

LOOKED_BYTES = 65536  # of a line, from its beginning
END_BYTES = 2048  # what the client writes behind a message


class LongLine:
    """The line's beginning and its end, whatever its length."""

    __slots__ = ("beginning", "end", "length")

    def __init__(self, piece: bytes) -> None:
        self.beginning, self.end, self.length = piece[:LOOKED_BYTES], piece[-END_BYTES:], len(piece)

    def add(self, piece: bytes) -> None:
        """The line's next piece."""
        self.beginning += piece[: max(0, LOOKED_BYTES - len(self.beginning))]
        self.end = (self.end + piece[-END_BYTES:])[-END_BYTES:]
        self.length += len(piece)
