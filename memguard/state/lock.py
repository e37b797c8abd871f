"""The lock of a project's store, with a timeout.

It is `core.lock`, which takes the same lock of the operating system on the same file as `filelock` does (a test shows
that the two exclude each other): importing filelock costs a capture 60 to 100 ms, as much as sealing 20 MB.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from memguard.core.errors import StateError
from memguard.core.lock import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = "snapshots.lock"
_POLL_S = 0.01


@contextlib.contextmanager
def store_lock(project_dir: str, timeout_s: float = 30.0) -> Iterator[None]:
    """Hold the project's store; StateError when another holds it longer than `timeout_s`.

    The lock goes with the process that holds it, so a capture that was killed blocks nobody.
    """
    lock = FileLock(os.path.join(project_dir, LOCK))
    deadline_s = time.monotonic() + timeout_s
    while not lock.acquire(blocking=False):
        if time.monotonic() > deadline_s:
            raise StateError(
                f"another capture has held the store for {timeout_s:.0f} s", "try again; see `memguard status`"
            )
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        lock.release()
