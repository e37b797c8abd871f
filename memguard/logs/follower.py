"""The lines of a log as they are written, over rotations."""

import os
from typing import BinaryIO

_PIECE_BYTES = 65536


class LogFollower:
    """Gives whole lines, the oldest first: those that are there, the rotated file's included, then what comes.

    The file is looked at by its number on disk, so that a rotation between two looks loses nothing: the file that was
    open is read to its end first.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""

    def __enter__(self) -> "LogFollower":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def earlier(self) -> list[str]:
        """The lines of the file that was put aside; to be asked before `lines`."""
        try:
            with _opened(f"{self._path}.1") as file:
                return _decoded(file.read().splitlines())
        except OSError:
            return []

    def lines(self) -> list[str]:
        """What was written since the last look; of a line that is being written, nothing yet."""
        found = self._read()
        while self._file and self._has_moved(self._file):
            found += self._read()
        return found

    def _read(self) -> list[str]:
        if self._file is None:
            try:
                self._file = _opened(self._path)
            except OSError:
                return []
        data = self._rest
        while piece := self._file.read(_PIECE_BYTES):
            data += piece
        whole, _, self._rest = data.rpartition(b"\n")
        return _decoded(whole.split(b"\n")) if whole else []

    def _has_moved(self, file: BinaryIO) -> bool:
        """Whether another file is at the path by now, or this one was cut; then the next read begins anew."""
        try:
            named = os.lstat(self._path)
        except OSError:
            return False
        opened = os.fstat(file.fileno())
        is_cut = opened.st_size < file.tell()
        if (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino) and not is_cut:
            return False
        file.close()
        self._file, self._rest = None, b""
        return True


def _opened(path: str) -> BinaryIO:
    """Not through a link, nor a FIFO that would keep us waiting."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags), "rb", buffering=0)


def _decoded(lines: list[bytes]) -> list[str]:
    return [line.decode("utf-8", "replace") for line in lines]
