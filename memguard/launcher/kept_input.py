"""The standard input of `claude -p` when it is a pipe: passed on, and kept for a second start."""

import os

_BLOCK = 65536
# How far reading may be ahead of the client: whoever writes to us is to feel how slow it reads.
_AHEAD_BYTES = 1048576
# The client itself takes no more than this from its stdin; keeping more would fill the runtime folder, which is memory.
_MOST_KEPT_BYTES = 10 * 1048576


class KeptInput:
    """Copies our stdin to the client's, remembering it, so that a second client can read it from the start.

    `is_whole` is False from where something could not be kept: no second client can be given it all then.
    """

    __slots__ = ("_file", "_passing", "_sink", "_written", "is_at_end", "is_whole", "kept_bytes")

    def __init__(self, folder: str) -> None:
        self._file = _unlinked_file(f"{folder}/stdin.{os.getpid()}")
        self._sink = -1
        self._written = 0
        self._passing = b""  # what was read and not kept, until the client takes it
        self.kept_bytes = 0
        self.is_at_end = False
        self.is_whole = self._file >= 0

    def connect(self) -> int:
        """A pipe for a new client, which first gets all that is kept; returns the end that the client reads."""
        self.disconnect()
        reader, self._sink = os.pipe()
        os.set_blocking(self._sink, False)
        self._written = 0
        self._finish()  # an empty input that has ended already
        return reader

    def disconnect(self) -> None:
        """Close the client's stdin: the client is gone, or has been given everything."""
        if self._sink >= 0:
            os.close(self._sink)
            self._sink = -1

    @property
    def sink(self) -> int:
        """The pipe to poll for room; -1 while there is nothing to write."""
        return self._sink if self._ahead_bytes > 0 else -1

    @property
    def wants_more(self) -> bool:
        """Whether our stdin is to be read: not without a reader behind us, nor far ahead of it."""
        if self.is_at_end or self._sink < 0:
            return False
        return self._ahead_bytes < _AHEAD_BYTES if self.is_whole else self._ahead_bytes == 0

    @property
    def _ahead_bytes(self) -> int:
        return self.kept_bytes - self._written + len(self._passing)

    def take(self) -> None:
        """Read what stdin has for us."""
        try:
            data = os.read(0, _BLOCK)
        except OSError:  # closed, or a terminal that is gone
            data = b""
        self.is_at_end = not data
        kept = self._keep(data)
        self.kept_bytes += kept
        self._passing = data[kept:]
        self._finish()

    def give(self) -> None:
        """Write what the client has room for."""
        try:
            if self._written < self.kept_bytes:
                self._written += os.write(self._sink, os.pread(self._file, _BLOCK, self._written))
            else:
                self._passing = self._passing[os.write(self._sink, self._passing) :]
        except BlockingIOError:
            return
        except OSError:
            self.disconnect()  # the client reads no more: it has refused the input, or is gone
        self._finish()

    def _keep(self, data: bytes) -> int:
        """Keep `data` where it still may and can be; returns how many bytes of it are kept."""
        if not self.is_whole:
            return 0
        kept = 0
        try:
            if self.kept_bytes + len(data) <= _MOST_KEPT_BYTES:
                kept = os.pwrite(self._file, data, self.kept_bytes)
        except OSError:
            kept = 0  # the disk is full
        self.is_whole = kept == len(data)
        return kept

    def _finish(self) -> None:
        if self.is_at_end and self._ahead_bytes == 0:
            self.disconnect()


def _unlinked_file(path: str) -> int:
    """A file that nobody else finds, and that is gone with the launcher; -1 where none can be made."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(path)
    except OSError:
        return -1
    return descriptor
