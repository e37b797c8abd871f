"""A Windows Job Object with a name, so that another watchdog finds it. NEVER RUN; tested against a stand-in library.

No limit is set on it. A job object reports no memory use without one, so the watchdog polls.
Names and numbers are those of `winnt.h` and `jobapi2.h`.
"""

import ctypes
import os

from memguard.host.containment.base import JOB_OBJECT, Containment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memguard.core.identity import ProcessId

_BASIC_PROCESS_ID_LIST = 3
# PROCESS_SET_QUOTA | PROCESS_TERMINATE: what AssignProcessToJobObject asks for.
_ASSIGN_ACCESS = 0x0100 | 0x0001
# Two counts of 32 bits, then as many ids of a pointer's width; more than any session has.
_MOST_PIDS = 4096
_KILLED_EXIT_CODE = 137

_loaded: "dict[str, ctypes.CDLL]" = {}


class JobObject(Containment):
    """A session in a job: what its members start is in it, and can't leave it."""

    mechanism = JOB_OBJECT
    name = "Windows job object (never run)"

    def __init__(self, handle: int, own_pid: int) -> None:
        super().__init__()
        self._handle = handle
        self._own_pid = own_pid

    def place(self, client: "ProcessId") -> bool:
        """Assign the client to the job."""
        super().place(client)
        library = _library()
        process = library.OpenProcess(_ASSIGN_ACCESS, 0, client.pid)
        if not process:
            return False
        is_placed = bool(library.AssignProcessToJobObject(ctypes.c_void_p(self._handle), ctypes.c_void_p(process)))
        library.CloseHandle(ctypes.c_void_p(process))
        return is_placed

    def roots(self) -> "list[int]":
        """All that is in the job but the client and this process."""
        return [pid for pid in self._pids() if pid not in (self.client_pid, self._own_pid)]

    def _pids(self) -> "list[int]":
        width = ctypes.sizeof(ctypes.c_void_p)
        buffer = ctypes.create_string_buffer(8 + _MOST_PIDS * width)
        if not _library().QueryInformationJobObject(
            ctypes.c_void_p(self._handle), _BASIC_PROCESS_ID_LIST, buffer, len(buffer.raw), None
        ):
            return []
        count = int.from_bytes(buffer.raw[4:8], "little")
        words = buffer.raw[8 : 8 + count * width]
        return [int.from_bytes(words[at : at + width], "little") for at in range(0, len(words), width)]

    def end_all(self, spared: "Iterable[int]" = (), time_s: float = 5.0) -> "list[int]":
        """Terminate the job where nobody in it is spared; who is left otherwise."""
        del time_s
        kept = {*spared, self._own_pid}
        if not kept & set(self._pids()):
            _library().TerminateJobObject(ctypes.c_void_p(self._handle), _KILLED_EXIT_CODE)
        return [pid for pid in self._pids() if pid not in kept]

    def remove(self) -> bool:
        """The job goes with its last handle and its last process."""
        return bool(_library().CloseHandle(ctypes.c_void_p(self._handle)))


def make(guard_id: str) -> JobObject:
    """Make, or open, the job of a guard. Raises OSError."""
    handle = _library().CreateJobObjectW(None, f"Local\\memguard-{guard_id}")
    if not handle:
        raise OSError(0, "Windows made no job object")
    return JobObject(handle, os.getpid())


def _library() -> "ctypes.CDLL":
    """kernel32; its handles are pointers, which ctypes would cut to an int."""
    if "kernel32" not in _loaded:
        library = ctypes.CDLL("kernel32")
        library.CreateJobObjectW.restype = library.OpenProcess.restype = ctypes.c_void_p
        _loaded["kernel32"] = library
    return _loaded["kernel32"]
