"""What the launcher waits for: the end of its children, signals, and what flows through it meanwhile."""

import os
import select
import signal
import time

from memguard.launcher.companion import Companion
from memguard.launcher.records import Records
from memguard.launcher.streams import Streams

_COMPANION_LOOK_MS = 10


class Vigil:
    """Waiting for one client after another.

    `ended_by` is the signal that told us, rather than the client, to end; it comes at any time, and holds for good.
    """

    def __init__(self, streams: Streams, companion: Companion, records: Records) -> None:
        self._streams = streams
        self._companion = companion
        self._records = records
        self._wakeup = -1
        self.client_pid = 0
        self.status: int | None = None  # the wait status of the last client that ended
        self.ended_by = 0

    def listen(self) -> None:
        """Signals: the terminal's own go to the client as well; what is meant for the client alone is passed on."""
        self._wakeup, writer = os.pipe()
        for descriptor in (self._wakeup, writer):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        # No-op handlers rather than SIG_IGN, which the client would inherit and be deaf to.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_end)

    def _on_end(self, number: int, _frame: object) -> None:
        self.ended_by = number
        self._pass_on()

    def _pass_on(self) -> None:
        try:
            if self.client_pid and self.ended_by:
                os.kill(self.client_pid, self.ended_by)
        except ProcessLookupError:
            return  # reaped, and not noted yet: its status must not be lost by this

    def take_up(self, client_pid: int) -> None:
        """Wait for this client from here on; a signal that came while it was being started is for it, too."""
        self.status = None
        self.client_pid = client_pid
        self._pass_on()

    def await_client(self) -> int:
        """Wait for the client, move what flows through us meanwhile; returns its wait status."""
        self.reap()
        while self.status is None:
            self.poll(None)
            self.reap()
        return self.status

    def reap(self) -> None:
        """Take note of who has ended; a watchdog is started again."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.client_pid:
                self.client_pid = 0  # from here on the pid may be somebody else's
                self.status = status
            elif pid == self._companion.pid:
                self._companion.pid = 0
                self._records.attempt("watchdog", self._companion.start)

    def poll(self, timeout_ms: int | None, also: int = -1) -> None:
        """Wait until something happens, at most so long; move what is there to be moved.

        `also` is a descriptor that ends the wait, and is left to the caller.
        """
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        if also >= 0:
            poll.register(also, select.POLLIN)
        self._streams.register(poll)
        for descriptor, _ in poll.poll(timeout_ms):
            if descriptor == self._wakeup:
                os.read(self._wakeup, 512)
            elif descriptor != also:
                self._streams.serve(descriptor)
        if self._streams.is_input_lost():
            self._records.not_restartable("more came on stdin than could be kept for another client")

    def await_companion(self, most_s: float) -> None:
        """Let the watchdog tidy up; it needs some ms, and goes on by itself when it needs longer."""
        self._companion.wake()
        deadline_s = time.monotonic() + most_s
        while not self._companion.is_gone() and time.monotonic() < deadline_s:
            self.poll(_COMPANION_LOOK_MS)
