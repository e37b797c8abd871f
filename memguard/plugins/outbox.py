"""Sending without keeping anybody waiting: a thread of its own, a short queue, and a failure that is heard of.

A hook that waited for a slow network would be disabled as slow, and would hold up every other plugin.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from memguard.core.errors import MemguardError

_MOST_WAITING = 100
_FAILURES_IN_A_ROW = 3
_END = object()


class SendError(MemguardError):
    """Nothing could be sent, three times in a row."""


class Outbox:
    """`send` is called in a thread with each thing that was `put`; it says that it failed by raising.

    After three failures in a row `put` raises SendError, which disables the plugin and names the reason.
    """

    def __init__(self, send: Callable[[Any], None], describe: Callable[[Exception], str]) -> None:
        self._send = send
        self._describe = describe
        self._waiting: queue.Queue[Any] = queue.Queue(_MOST_WAITING)
        self._failures = 0
        self._why = ""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_begun = False

    def put(self, thing: object) -> None:
        """Have it sent. Dropped where a hundred wait already. Raises SendError where nothing gets through."""
        if self._failures >= _FAILURES_IN_A_ROW:
            raise SendError(f"{_FAILURES_IN_A_ROW} in a row could not be sent: {self._why}", "correct the options")
        if not self._is_begun:  # a thread begun at import would not survive a fork
            self._is_begun = True
            self._thread.start()
        try:
            self._waiting.put_nowait(thing)
        except queue.Full:
            return

    def close(self, within_s: float) -> bool:
        """Send what waits, for at most so many seconds; whether all of it was."""
        if not self._is_begun:
            return True
        deadline_s = time.monotonic() + within_s
        try:
            self._waiting.put(_END, timeout=within_s)
        except queue.Full:
            return False
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (thing := self._waiting.get()) is not _END:
            try:
                self._send(thing)
                self._failures = 0
            except Exception as error:  # noqa: BLE001  whatever a library raises, the next one is tried
                self._why = self._describe(error)
                self._failures += 1
