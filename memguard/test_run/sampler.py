"""The thread that looks, as inconspicuous as a thread in other people's tests can be.

It isn't among `threading.enumerate()`, and no tracer or profiler follows it. It takes no signal: one that a test has
blocked in its own thread and waits for would else be delivered to ours.
"""

import _thread
import signal
import sys
from collections.abc import Callable

from memguard.core.log import printable
from memguard.test_run import fork_warning

# The pause after a look that failed.
_AGAIN_S = 0.05
_LONGEST = 200


class Sampler:
    """Calls `look` again and again, between `begin` and `end`; it gives the seconds until it is to be called next.

    One that raises is not the last; `end` says on stderr, once, what was raised first.
    """

    def __init__(self, look: Callable[[], float]) -> None:
        self._look = look
        self._stop = _thread.allocate_lock()  # held as long as the thread is to run
        self._runs = _thread.allocate_lock()  # held by the thread as long as it does
        self._trouble = ""

    def begin(self) -> None:
        """Start the thread."""
        self._stop.acquire()
        self._runs.acquire()
        fork_warning.begin(self)
        try:
            self._start()
        except RuntimeError:  # the host gives no thread: what is left are the borders
            self._runs.release()

    def _start(self) -> None:
        """A thread begins with the mask of the one that starts it."""
        if not hasattr(signal, "pthread_sigmask"):
            _thread.start_new_thread(self._run, ())
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            _thread.start_new_thread(self._run, ())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def end(self) -> None:
        """Stop it and wait for its end; safe to repeat, and without a `begin`."""
        if self._stop.locked():
            self._stop.release()
            with self._runs:  # taken once the thread has let it go
                fork_warning.end(self)
            self._say_trouble()

    def _say_trouble(self) -> None:
        """By now pytest has given back stderr; while a test ran, the line would have been taken for the test's."""
        trouble, self._trouble = self._trouble, ""
        if trouble and sys.stderr is not None:
            shown = printable(trouble, _LONGEST)
            sys.stderr.write(f"memguard: memory was not looked at all the time: {shown}\n")

    def _run(self) -> None:
        try:
            pause_s = 0.0
            while not self._stop.acquire(timeout=pause_s):
                pause_s = self._look_again()
            self._stop.release()
        finally:
            self._runs.release()

    def _look_again(self) -> float:
        try:
            return self._look()
        except MemoryError:  # just then looking matters
            return _AGAIN_S
        except Exception as error:  # noqa: BLE001 -- a full disk, no descriptor left: the next look may see what matters
            self._trouble = self._trouble or f"{type(error).__name__}: {error}"
            return _AGAIN_S
