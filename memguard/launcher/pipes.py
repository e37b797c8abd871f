"""The standard streams of `claude -p` when they are pipes: stdin kept for a second start, stdout kept one stream."""

import os

_BLOCK = 65536


class KeptInput:
    """Copies our stdin to the client's, remembering it, so that a second client can read it from the start."""

    __slots__ = ("_file", "_sink", "_written", "is_at_end", "kept_bytes")

    def __init__(self, folder: str) -> None:
        path = f"{folder}/stdin.{os.getpid()}"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(path)  # nobody else finds it, and it is gone with the launcher
        self._sink = -1
        self._written = 0
        self.kept_bytes = 0
        self.is_at_end = False

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
        return self._sink if self._written < self.kept_bytes else -1

    def take(self) -> None:
        """Read what stdin has for us."""
        try:
            data = os.read(0, _BLOCK)
        except OSError:  # closed, or a terminal that is gone
            data = b""
        self.is_at_end = not data
        os.pwrite(self._file, data, self.kept_bytes)
        self.kept_bytes += len(data)
        self._finish()

    def give(self) -> None:
        """Write what the client has room for."""
        try:
            data = os.pread(self._file, _BLOCK, self._written)
            self._written += os.write(self._sink, data)
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.disconnect()  # the client reads no more: it has refused the input, or is gone
        self._finish()

    def _finish(self) -> None:
        if self.is_at_end and self._written >= self.kept_bytes:
            self.disconnect()


class OneStream:
    """Passes a client's stream-json on, line by line, so that two clients in a row make one valid stream.

    A killed client's torn last line is dropped, and of the next one the second `init` and what belongs to it.
    """

    __slots__ = ("_partial", "_seen_init", "source")

    def __init__(self) -> None:
        self._partial = b""
        self._seen_init = False
        self.source = -1

    def connect(self) -> int:
        """A pipe for a new client; returns the end that the client writes."""
        self.close()
        self._partial = b""
        self.source, writer = os.pipe()
        return writer

    def close(self) -> None:
        """Close our end."""
        if self.source >= 0:
            os.close(self.source)
            self.source = -1

    def pump(self) -> bool:
        """Pass on what has come; False at the stream's end, or at our own."""
        data = os.read(self.source, _BLOCK)
        if not data:
            return False
        *lines, self._partial = (self._partial + data).split(b"\n")
        wanted = [line + b"\n" for line in lines if self._is_wanted(line)]
        return _write_all(b"".join(wanted))

    def flush(self) -> None:
        """At the end of the last client: what it printed without a line end is passed on too."""
        if self._partial:
            _write_all(self._partial)

    def _is_wanted(self, line: bytes) -> bool:
        if b'"subtype":"init"' not in line[:200]:
            return True
        first, self._seen_init = not self._seen_init, True
        return first


def _write_all(data: bytes) -> bool:
    """Write to our stdout; False when nobody reads it any more, which the client is to learn by its own pipe."""
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        return False
    return True
