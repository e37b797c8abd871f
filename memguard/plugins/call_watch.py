"""Which plugin is being called: written where it can be read after this process has died; and a limit on each call."""

from __future__ import annotations

import mmap
import os
import signal

MARK_BYTES = 8
_PLUGIN, _HOOK, _HANDLED = 0, 1, slice(4, 8)


class CallWatch:
    """For tests, and programs that call plugins in their own process: no limit, and nothing is written."""

    limit_s = float("inf")

    def begin(self, plugin: int, hook: int) -> None:
        """Plugin number `plugin` (from 1) is called with hook number `hook`."""

    def end(self) -> None:
        """No plugin is being called."""


class KernelWatch(CallWatch):
    """The limit is kept by the kernel: a timer whose signal ends this process, also where no thread of it may run.

    The mark is a shared page of a file: one store in memory per call, where a message would be a system call.
    """

    def __init__(self, path: str, limit_s: float) -> None:
        """Raises OSError where `path`, which the watchdog has made, can't be mapped."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            self._mark = mmap.mmap(descriptor, MARK_BYTES)
        finally:
            os.close(descriptor)
        self.limit_s = limit_s
        self._handled = 0
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])

    def begin(self, plugin: int, hook: int) -> None:
        """The clock runs from here on; a call before it is over with that."""
        mark = self._mark
        mark[_HOOK] = hook
        mark[_PLUGIN] = plugin
        signal.setitimer(signal.ITIMER_REAL, self.limit_s)

    def end(self) -> None:
        """The clock is stopped."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._mark[_PLUGIN] = 0

    def handled(self) -> None:
        """One more message was dealt with: what the watchdog knows progress by."""
        self._handled += 1
        self._mark[_HANDLED] = (self._handled & 0xFFFFFFFF).to_bytes(4, "little")
