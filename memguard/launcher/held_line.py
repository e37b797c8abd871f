"""One line of a stream that is not complete yet: small ones in memory, large ones in a file without a name."""

import os
from collections.abc import Iterator

_BLOCK = 65536
# From here on a line goes to a file: a tool's result may be a line of 100 MB, and the launcher is to stay small.
_MOST_HELD_BYTES = 1048576
# Whatever says what kind a line is stands at its start.
_START_BYTES = 200


class HeldLine:
    """The pieces of a line so far. Raises OSError where the file that it needs can't be written."""

    __slots__ = ("_file", "_in_file", "_in_memory", "_path", "_pieces", "start")

    def __init__(self, folder: str) -> None:
        self._path = f"{folder}/line.{os.getpid()}"
        self._file = -1
        self._pieces: list[bytes] = []
        self._in_memory = 0
        self._in_file = 0
        self.start = b""

    def __bool__(self) -> bool:
        return self._in_memory + self._in_file > 0

    def add(self, piece: bytes) -> None:
        """The next piece of the line."""
        if len(self.start) < _START_BYTES:
            self.start += piece[: _START_BYTES - len(self.start)]
        self._pieces.append(piece)
        self._in_memory += len(piece)
        if self._in_memory > _MOST_HELD_BYTES:
            self._move_to_file()

    def pieces(self) -> Iterator[bytes]:
        """The line from its start, in pieces."""
        for offset in range(0, self._in_file, _BLOCK):
            yield os.pread(self._file, min(_BLOCK, self._in_file - offset), offset)
        yield from self._pieces

    def clear(self) -> None:
        """Begin another line."""
        if self._in_file:
            os.ftruncate(self._file, 0)
        self._pieces = []
        self._in_memory = self._in_file = 0
        self.start = b""

    def _move_to_file(self) -> None:
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            os.unlink(self._path)
        while self._pieces:
            written = os.pwrite(self._file, self._pieces[0], self._in_file)
            self._in_file += written
            self._in_memory -= written
            self._pieces[0] = self._pieces[0][written:]
            if not self._pieces[0]:
                self._pieces.pop(0)
