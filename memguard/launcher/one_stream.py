"""`stream-json` of `claude -p`: the outputs of two clients in a row made one valid stream."""

import os

from memguard.launcher.held_line import HeldLine

_BLOCK = 65536
_INIT = b'"subtype":"init"'
_START_BYTES = 200


class OneStream:
    """Passes a client's lines on as they are complete.

    A killed client's torn last line is dropped, and of the next client's the second `init`.
    """

    __slots__ = ("_held", "_is_through", "_seen_init", "source")

    def __init__(self, folder: str) -> None:
        self._held = HeldLine(folder)
        self._is_through = False  # the line at hand could not be held, and its pieces are passed on as they come
        self._seen_init = False
        self.source = -1

    def connect(self) -> int:
        """A pipe for a new client; returns the end that the client writes."""
        self.close()
        self._held.clear()
        if self._is_through:
            _write_all(b"\n")  # what was torn is the reader's already: the next line at least begins at a line's start
            self._is_through = False
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
        *ends, rest = data.split(b"\n")
        if ends and (self._held or self._is_through):
            if not self._add(ends.pop(0) + b"\n") or not self._pass_held():
                return False
            self._is_through = False
        wanted = [end + b"\n" for end in ends if self._is_wanted(end)]
        return _write_all(b"".join(wanted)) and self._add(rest)

    def flush(self) -> None:
        """At the end of the last client: what it printed without a line end is passed on too."""
        self._pass_all()

    def _add(self, piece: bytes) -> bool:
        if self._is_through:
            return _write_all(piece)
        try:
            if piece:
                self._held.add(piece)
        except OSError:  # the disk is full: rather a line that may stay torn than none
            self._is_through = self._is_wanted(self._held.start)
            return self._pass_all() if self._is_through else True
        return True

    def _pass_held(self) -> bool:
        if not self._held:
            return True
        if self._is_wanted(self._held.start):
            return self._pass_all()
        self._held.clear()
        return True

    def _pass_all(self) -> bool:
        is_read = all(_write_all(piece) for piece in self._held.pieces())
        self._held.clear()
        return is_read

    def _is_wanted(self, line: bytes) -> bool:
        if _INIT not in line[:_START_BYTES]:
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
