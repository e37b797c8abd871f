"""A function that runs beside the event loop, and may never come back."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SideCall(Generic[Result]):
    """One function in a thread of its own, and never twice at once.

    Not the loop's executor: `statvfs` of a network mount whose server is gone never returns, and asyncio waits for its
    executor's threads when the program ends. These threads are daemons, which nobody waits for.
    """

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self._running: Future[Result] | None = None
        self._begun_s = 0.0
        self._lock = threading.Lock()

    async def result(self, timeout_s: float) -> Result:
        """What the function returns, or raises; TimeoutError where that takes longer. Then the call goes on alone.

        Who asks for a call that hangs already waits for what is left of its time, so mostly not at all.
        """
        waiting = asyncio.wrap_future(self._begun())
        left_s = self._begun_s + timeout_s - time.monotonic()
        return await asyncio.wait_for(asyncio.shield(waiting), max(0.0, left_s))

    def _begun(self) -> "Future[Result]":
        """The call that runs, or a new one where none does."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running, self._begun_s = Future(), time.monotonic()
                threading.Thread(target=self._run, args=(self._running,), daemon=True, name="memguard-health").start()
            return self._running

    def _run(self, future: "Future[Result]") -> None:
        try:
            result = self._function()
        except BaseException as error:  # noqa: BLE001  whoever asked gets it
            future.set_exception(error)
        else:
            future.set_result(result)
