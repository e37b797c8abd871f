"""Work handed to another thread, piece by piece."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Conveyor(Generic[T]):
    """Hands pieces to a function in a thread of its own, which begins with the first piece.

    An error there is raised here, by `put` or `finish`. `most` pieces wait at a time: it bounds memory where the other
    side is slow.
    """

    def __init__(self, function: Callable[[T], None], most: int) -> None:
        self._function = function
        self._pieces: queue.Queue[tuple[T] | None] = queue.Queue(most)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def put(self, piece: T) -> None:
        """Take the next piece, waiting while too many are on their way."""
        if self._error:
            raise self._error
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        self._pieces.put((piece,))

    def finish(self) -> None:
        """Wait for the last piece. Nothing may be put afterwards."""
        if self._thread:
            self._pieces.put(None)
            self._thread.join()
            self._thread = None
        if self._error:
            raise self._error

    def _work(self) -> None:
        while (piece := self._pieces.get()) is not None:
            if self._error:
                continue  # taken all the same, or the other side would wait for ever
            try:
                self._function(piece[0])
            except BaseException as error:  # noqa: BLE001  it belongs to the other thread
                self._error = error
