"""What flows through the launcher: nothing in a terminal; stdin, and `stream-json` on stdout, of `claude -p`."""

import os
import select

from memguard.launcher import flags
from memguard.launcher.pipes import KeptInput, OneStream


class Streams:
    """The standard streams of one client after another."""

    def __init__(self, arguments: list[flags.Argument], folder: str) -> None:
        is_print = flags.is_print(arguments)
        is_stream = is_print and flags.value_of(arguments, "--output-format") == "stream-json"
        self._kept_input = KeptInput(folder) if is_print and not os.isatty(0) else None
        self._one_stream = OneStream() if is_stream else None

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
        if self._kept_input and not self._kept_input.is_at_end:
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
        elif self._one_stream and not self._one_stream.pump():
            self._one_stream.close()

    def drain(self, is_last: bool) -> None:
        """A client is gone: pass on what it had written, but not a torn last line that another client follows."""
        if self._one_stream is None:
            return
        while self._one_stream.source >= 0 and self._one_stream.pump():
            pass
        self._one_stream.close()
        if is_last:
            self._one_stream.flush()
