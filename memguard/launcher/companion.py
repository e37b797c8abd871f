"""The launcher's watchdog: started with the client, started again when it dies, waited for at the end."""

import os
import time

from memguard.core.nudge import nudge
from memguard.launcher.children import start_watchdog

# A watchdog that dies at once again and again is left alone after this many starts in a minute: the session goes on
# unguarded, which `memguard status` says.
_STARTS_A_MINUTE = 5


class Companion:
    """The watchdog of one guard, as its parent sees it."""

    def __init__(self, python: str, guard_dir: str, state_dir: str, key: str) -> None:
        self._arguments = (python, guard_dir, state_dir, key)
        self._guard_dir = guard_dir
        self._starts_s: list[float] = []
        self.pid = 0

    def start(self) -> None:
        """Start it where it doesn't run. Raises OSError where it can't be started."""
        now_s = time.monotonic()
        self._starts_s = [t for t in self._starts_s if now_s - t < 60]
        if self.pid == 0 and len(self._starts_s) < _STARTS_A_MINUTE and os.path.isdir(self._guard_dir):
            self._starts_s.append(now_s)
            self.pid = start_watchdog(*self._arguments)

    def wake(self) -> None:
        """Tell it that something has changed."""
        nudge(self._guard_dir)

    def is_gone(self) -> bool:
        """Reap it if it has ended."""
        if self.pid:
            try:
                pid, _ = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid = self.pid
            self.pid = 0 if pid else self.pid
        return self.pid == 0
