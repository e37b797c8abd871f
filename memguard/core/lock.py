"""An advisory lock for the light half.

It takes the same operating-system lock on the same file as `filelock` does in the heavy half (POSIX `flock`,
Windows `msvcrt.locking` of one byte), so the two exclude each other; a test shows it.
"""

import os
import sys

from memguard.core.layout import write_all

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileLock:
    """A lock on `path`, held from `acquire` to `release` or to the end of the process."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = -1

    def acquire(self, blocking: bool = True) -> bool:
        """Take the lock; False when it is another's and `blocking` is off."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _lock(descriptor, blocking)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def write(self, text: str) -> None:
        """Leave `text` in the locked file for whoever wants to know who holds it."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        write_all(self._descriptor, text.encode())

    def release(self) -> None:
        """Give the lock back; harmless when it isn't held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "FileLock":
        """Raises OSError where the system gives no lock: what follows would run beside another."""
        if not self.acquire():
            raise OSError(f"{self.path} can't be locked")
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_held(path: str) -> bool:
    """Whether somebody holds the lock on `path` right now."""
    if not os.path.exists(path):
        return False
    lock = FileLock(path)
    if not lock.acquire(blocking=False):
        return True
    lock.release()
    return False


if sys.platform == "win32":

    def _lock(descriptor: int, blocking: bool) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if blocking else msvcrt.LK_NBLCK, 1)

else:

    def _lock(descriptor: int, blocking: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
