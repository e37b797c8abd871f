"""What this process holds, by `/proc/self/status`, and how that has moved since, by `/proc/self/statm`.

Measured on Linux 6.18, Python 3.11: `status` with what is taken out of it costs 60,000 instructions (10 us), `statm`
5,000 to 9,000 (1.5 us). `statm` has no swapped memory and no high-water mark, and can't tell shared memory from files.
"""

import os

from memguard.test_run.kept_file import KeptFile

# `status` lists every group of its owner before the sizes; who is in more than a thousand is read by the long way.
_STATUS_BYTES = 16384
_STATM_BYTES = 128
# Eleven lines from VmHWM to VmSwap, of at most 31 characters each.
_SIZES_BYTES = 352
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_NAMES = [b"VmHWM:", b"VmRSS:", b"RssAnon:", b"RssFile:", b"RssShmem:"]


class OwnSize:
    """`size_bytes` is the footprint; `files_bytes` is resident of mapped files, and not in it.

    `resident_bytes` is what is resident now, and `high_bytes` the most that ever was (VmHWM), mapped files included in
    both; 0 where they aren't known.
    """

    __slots__ = ("files_bytes", "high_bytes", "resident_bytes", "size_bytes")

    def __init__(self, size_bytes: int, files_bytes: int = 0, resident_bytes: int = 0, high_bytes: int = 0) -> None:
        self.size_bytes = size_bytes
        self.files_bytes = files_bytes
        self.resident_bytes = resident_bytes
        self.high_bytes = high_bytes


class OwnStatus:
    """Reading gives None where this process can't be measured so: no `/proc`, or one that is odd."""

    def __init__(self, proc: str = "/proc") -> None:
        self._status = KeptFile(f"{proc}/self/status")
        self._statm = KeptFile(f"{proc}/self/statm")
        self._own_pid = b"\nPid:\t%d\n" % os.getpid()
        self._peek = self._statm.peek
        self._pages, self._shared = 0, b""  # as `statm` had them

    def read(self) -> OwnSize | None:
        """The sizes of this moment."""
        status = self._status.peek(_STATUS_BYTES)
        if self._own_pid not in status:
            status = self._status.read(_STATUS_BYTES)
        return sizes_in(status)

    def mark(self) -> None:
        """From here on `moved_bytes` counts."""
        try:
            _, pages, self._shared, _ = self._statm.read(_STATM_BYTES).split(None, 3)
            self._pages = int(pages)
        except ValueError:
            self._shared = b""

    def moved_bytes(self) -> int | None:
        """How much the footprint has grown since `mark`; None where it takes `read`.

        That is where shared memory or mapped files have come or gone, which `statm` doesn't tell apart.
        """
        try:
            _, resident, shared, _ = self._peek(_STATM_BYTES).split(None, 3)
            moved_pages = int(resident) - self._pages
        except ValueError:  # nothing, or another file's by now
            return None
        return moved_pages * _PAGE_BYTES if shared == self._shared else None

    def close(self) -> None:
        """Give the files back; safe to repeat."""
        self._status.close()
        self._statm.close()


def sizes_in(status: bytes) -> OwnSize | None:
    """The sizes that a `status` shows; None where it shows none."""
    begin = status.find(b"\nVmHWM:")
    words = status[begin : begin + _SIZES_BYTES].split(None, 36) if begin >= 0 else []
    try:
        if words[0:15:3] == _NAMES and words[30] == b"VmSwap:":  # as Linux has it since 4.5
            size_kb = int(words[7]) + int(words[13]) + int(words[31])
            return OwnSize(size_kb * 1024, int(words[10]) * 1024, int(words[4]) * 1024, int(words[1]) * 1024)
    except (ValueError, IndexError):
        return None
    return None
