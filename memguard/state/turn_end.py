"""Waiting until the client has written down the turn that a capture is to hold.

The client runs its Stop hooks before it writes: measured on 2.1.330, the answer came up to 50 ms after the hook began,
a session's first turn, prompt and all, up to 1.1 s. What it writes last is a line about the turn itself. That line is
no documented thing, so a client without it only has its snapshot some seconds later.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import TYPE_CHECKING

from memguard.core.capture_mark import NO_TURN, wanted_turn
from memguard.host import identity

if TYPE_CHECKING:
    from memguard.state.request import CaptureRequest

_ENDS = (b'"type":"system","subtype":"turn_duration"', b'"type":"system","subtype":"stop_hook_summary"')
_POLL_S = 0.05
_LONGEST_WAIT_S = 5.0
# A capture before an action gives the store 3 s; this is the most that a waiting worker may take of it.
_LONGEST_WAIT_WITH_STORE_S = 0.5
# The line is among the last of the file: what follows are some of a few hundred bytes, until the next turn begins.
_TAIL_BYTES = 65536


class TurnEnd:
    """The end of the turn that hooks told of by the mark; without a mark, or a turn in it, nothing is waited for."""

    def __init__(self, request: CaptureRequest) -> None:
        self._mark = request.mark
        self._transcript = request.transcript
        self._client = request.client
        self._given_up = NO_TURN

    def wait(self, longest_s: float = _LONGEST_WAIT_S) -> None:
        """Wait until it is written, or will not be, since the client is gone."""
        deadline_s = time.monotonic() + longest_s
        while not self._is_written() and self._has_client():
            if time.monotonic() >= deadline_s:
                self._given_up = self._wanted()
                return
            time.sleep(_POLL_S)

    def take(self) -> None:
        """Under the store's lock, right before the transcript is read: what comes from now on is another's to read.

        Another turn may have ended while the store was waited for.
        """
        if self._mark:
            self.wait(_LONGEST_WAIT_WITH_STORE_S)
            with contextlib.suppress(OSError):
                os.unlink(self._mark)

    def _is_written(self) -> bool:
        turn_bytes = self._wanted()
        if turn_bytes in (NO_TURN, self._given_up):
            return True
        written = self._written_since(turn_bytes)
        return any(end in written for end in _ENDS)

    def _wanted(self) -> int:
        return wanted_turn(self._mark) if self._mark else NO_TURN

    def _has_client(self) -> bool:
        return self._client is None or identity.is_alive(self._client)

    def _written_since(self, turn_bytes: int) -> bytes:
        """The last of what follows; empty where there is no plain file."""
        try:
            descriptor = os.open(self._transcript, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (OSError, ValueError):
            return b""
        try:
            status = os.fstat(descriptor)
            begin = max(turn_bytes, status.st_size - _TAIL_BYTES)
            return os.pread(descriptor, _TAIL_BYTES, begin) if stat.S_ISREG(status.st_mode) else b""
        finally:
            os.close(descriptor)
