"""Ends what a test does right now, by a real signal, so that what blocks in the kernel ends, too.

The signal is SIGURG: nobody uses it, and a process that inherits no handler of it ignores it. Where the main thread is
at that moment decides (`memguard.test_run.stack`), so a test that isn't interrupted costs nothing.

Where there are no signals between threads (Windows), or pytest runs in another thread than the main one, nothing is
interrupted, and a limit counts at the next border.
"""

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from memguard.test_run.stack import is_interruptible

# A test that caught the exception and goes on is interrupted again after this time.
_AGAIN_S = 1.0
# The most that a test's own `finally` and `with` may take after it.
_CLEAN_UP_S = 10.0
# Two reasons within this time are one.
_TWICE_S = 0.5
_NUMBER = getattr(signal, "SIGURG", 0)


class MemoryLimitExceeded(BaseException):
    """The test that runs is over a limit. Not an Exception, so that `except Exception` in a test doesn't catch it."""

    __module__ = "builtins"  # pytest shows the name alone, as it does with its own outcomes


_NOTHING = "", None


def _nothing_asked() -> str:
    return ""


class Interruption:
    """`ask` is called in the main thread at each signal: why to interrupt now; empty where there is no reason."""

    def __init__(self, ask: Callable[[], str] = _nothing_asked) -> None:
        self._ask = ask
        self._main: int | None = None
        self._before: Callable[[int, FrameType | None], Any] | int | None = None
        self._clock = time.monotonic  # kept, since tests replace functions in modules
        self._wanted: tuple[str, threading.Event | None] = _NOTHING
        self._is_sent = False  # by this process, and not handled yet
        self._raised_s = 0.0  # 0: not since the test began
        self._again: threading.Event | None = None  # to be set when the test is over

    def begin(self) -> None:
        """Take the signal; the handler that was there before (of a run around this one) still gets its own."""
        if not _NUMBER or not hasattr(signal, "pthread_kill"):
            return
        try:
            self._before = signal.signal(_NUMBER, self._handle)
            self._main = threading.get_ident()
        except ValueError:  # not the main thread
            return

    def end(self) -> None:
        """Give the signal back, unless somebody has taken it since."""
        self.forget()
        if self._main == threading.get_ident() and signal.getsignal(_NUMBER) == self._handle:
            signal.signal(_NUMBER, self._before if self._before is not None else signal.SIG_DFL)
        self._main = None

    def request(self, why: str) -> None:
        """Interrupt the running test, by any thread but the main one, again and again until `forget`."""
        if self._main not in (None, threading.get_ident()):
            self._again = is_over = threading.Event()
            # A Thread made here would have the thread that watches listed among those of the tests.
            _thread.start_new_thread(self._send, (is_over, why))

    def forget(self) -> None:
        """The test is over: what was wanted of it is not done to the next one."""
        self._wanted, self._raised_s = _NOTHING, 0.0
        if self._again is not None:
            self._again.set()
            self._again = None

    def _send(self, is_over: threading.Event, why: str) -> None:
        while not is_over.is_set() and self._main is not None:
            self._wanted, self._is_sent = (why, is_over), True
            signal.pthread_kill(self._main, _NUMBER)
            is_over.wait(_AGAIN_S)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True
        (why, is_over), self._wanted = self._wanted, _NOTHING
        if is_over is not None and is_over.is_set():  # of the test before
            why = ""
        is_ours, self._is_sent = self._is_sent, False
        why = why or self._ask()
        if why and not self._is_cleaning_up() and is_interruptible(frame):
            self._raised_s = self._clock()
            raise MemoryLimitExceeded(why)
        if not why and not is_ours and callable(self._before):
            self._before(number, frame)

    def _is_cleaning_up(self) -> bool:
        """Whether the test was interrupted just now, or is in a `finally` or the end of a `with` because of it."""
        if not self._raised_s:
            return False
        passed_s = self._clock() - self._raised_s
        return passed_s < _TWICE_S or (passed_s < _CLEAN_UP_S and _is_handled())


def _is_handled() -> bool:
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, MemoryLimitExceeded):
            return True
        error = error.__context__
    return False
