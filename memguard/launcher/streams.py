"""What flows through the launcher: nothing in a terminal; stdin, and `stream-json` on stdout, of `claude -p`."""

import os
import select
import time

from memguard.launcher import flags
from memguard.launcher.kept_input import KeptInput
from memguard.launcher.one_stream import OneStream


class Streams:
    """The standard streams of one client after another."""

    def __init__(self, arguments: list[flags.Argument], folder: str) -> None:
        is_print = flags.is_print(arguments)
        is_stream = is_print and flags.value_of(arguments, "--output-format") == "stream-json"
        self._kept_input = KeptInput(folder) if is_print and not os.isatty(0) else None
        self._one_stream = OneStream(folder) if is_stream else None
        self._is_loss_told = False

    @property
    def is_input_whole(self) -> bool:
        """Whether another client could be given all that this one was."""
        return self._kept_input is None or self._kept_input.is_whole

    def is_input_lost(self) -> bool:
        """Whether another client could no longer be given all that this one was: True once, when it begins."""
        was_told, self._is_loss_told = self._is_loss_told, not self.is_input_whole
        return self._is_loss_told and not was_told

    def connect(self, is_input_wanted: bool) -> tuple[int, int]:
        """The descriptors for a new client's stdin and stdout; -1 for one that it inherits.

        Without `is_input_wanted` it finds an empty stdin: what was piped in is in its conversation already.
        """
        writer = self._one_stream.connect() if self._one_stream else -1
        if self._kept_input is None:
            return -1, writer
        return self._kept_input.connect() if is_input_wanted else os.open(os.devnull, os.O_RDONLY), writer

    def register(self, poll: "select.poll") -> None:
        """Add what may become ready."""
        if self._kept_input and self._kept_input.wants_more:
            poll.register(0, select.POLLIN)
        if self._kept_input and self._kept_input.sink >= 0:
            poll.register(self._kept_input.sink, select.POLLOUT)
        if self._one_stream and self._one_stream.source >= 0:
            poll.register(self._one_stream.source, select.POLLIN)

    def serve(self, descriptor: int) -> None:
        """Move what is ready."""
        if self._kept_input and descriptor == 0:
            self._kept_input.take()
        elif self._kept_input and descriptor == self._kept_input.sink:
            self._kept_input.give()
        elif self._one_stream and descriptor == self._one_stream.source and not self._one_stream.pump():
            self._one_stream.close()

    def drain(self, is_last: bool, most_s: float) -> None:
        """A client is gone: pass on what it had written, but not a torn last line that another client follows.

        All of it is in the pipe. Its end may never come, where something that the client started holds it open and
        may even write on.
        """
        if self._kept_input:
            self._kept_input.disconnect()
        if self._one_stream is None:
            return
        deadline_s = time.monotonic() + most_s
        while _has_more(self._one_stream) and time.monotonic() < deadline_s and self._one_stream.pump():
            pass
        self._one_stream.close()
        if is_last:
            self._one_stream.flush()

    def abandon(self) -> None:
        """Leave the client to itself: it finds its stdin ended and nobody at its stdout, rather than waiting for us."""
        if self._kept_input:
            self._kept_input.disconnect()
        if self._one_stream:
            self._one_stream.close()


def _has_more(stream: OneStream) -> bool:
    """Whether reading would give something at once; the stream's end counts as well."""
    if stream.source < 0:
        return False
    poll = select.poll()
    poll.register(stream.source, select.POLLIN)
    return bool(poll.poll(0))
