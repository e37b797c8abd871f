"""The most that this process itself held in a test, also where nobody looked at that moment: the kernel's mark.

The mark (VmHWM) is of what was resident, mapped files included, and is for the whole life of a process. So what it says
of a test is taken only where it rose in it, less the most that was seen mapped; a file that was mapped, read and given
back between two looks counts as held. A mark from long ago that is above the limit of a test, and so would hide that
this is passed, is set back to what is resident now: one write of 0.8 us to `/proc/self/clear_refs`. Everybody else in
this process who reads the mark (`ru_maxrss` of `getrusage`) sees it set back, too, so it is done for no other test.
"""

import os

from memguard.test_run.own_status import OwnSize


class HighWater:
    """The mark of one test after the other."""

    def __init__(self, proc: str = "/proc") -> None:
        self._path = f"{proc}/self/clear_refs"
        self._open, self._write, self._close = os.open, os.write, os.close
        self._mark_bytes = 0
        self._files_bytes = 0

    def begin(self, own: OwnSize, limit_bytes: int = 0) -> None:
        """A test begins; 0 for no limit of its own."""
        self._mark_bytes, self._files_bytes = own.high_bytes, own.files_bytes
        if limit_bytes and own.high_bytes > own.resident_bytes + limit_bytes and self._set_back():
            self._mark_bytes = own.resident_bytes

    def see(self, own: OwnSize) -> None:
        """A reading in the middle of it."""
        self._files_bytes = max(self._files_bytes, own.files_bytes)

    def peak_bytes(self, own: OwnSize) -> int:
        """The least that it must have held at the most, by the reading at its end; 0 where the mark didn't rise."""
        self.see(own)
        return max(0, own.high_bytes - self._files_bytes) if own.high_bytes > self._mark_bytes else 0

    def _set_back(self) -> bool:
        try:
            descriptor = self._open(self._path, os.O_WRONLY)
        except OSError:  # a kernel before 4.0, or a sandbox
            return False
        try:
            return self._write(descriptor, b"5") == 1
        except OSError:
            return False
        finally:
            self._close(descriptor)
