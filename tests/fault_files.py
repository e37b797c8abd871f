"""A disk that fails: what a process does to the files below a folder is numbered, and one step of it goes wrong.

The store does everything to the disk through `os` (see `memguard.state.files`), so the functions of `os` are what is
put in place here. A step is one call that opens, reads, writes, syncs, names or removes something.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from unittest import mock

from memguard.core.errors import MemguardError

CHANGES = frozenset(
    (
        "create",
        "write",
        "sync",
        "sync folder",
        "rename",
        "replace",
        "link",
        "unlink",
        "mkdir",
        "rmdir",
        "chmod",
        "ftruncate",
    )
)
# What needs room on the disk: where it is full, these are refused, and removing goes on.
_NEEDS_ROOM = frozenset(("create", "write", "sync", "mkdir"))
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_UNNAMED = getattr(os, "O_TMPFILE", 0)
_OF_TWO = ("rename", "replace", "link")
_OF_ONE = ("unlink", "remove", "mkdir", "rmdir", "chmod", "listdir")
_OF_DESCRIPTOR = ("write", "read", "fsync", "ftruncate")


class Step(NamedTuple):
    """One call, before it is made. `target` is where a rename leads, `descriptor` and `data` belong to a write."""

    kind: str
    path: str
    target: str = ""
    descriptor: int = -1
    data: bytes = b""

    @property
    def is_change(self) -> bool:
        """Whether it leaves the disk another than it was."""
        return self.kind in CHANGES


Handler = Callable[[Step, Callable[[], Any]], Any]  # makes the call, or does not
DONE, REFUSED, UNHEEDED, ANOTHER_ERROR = 10, 11, 12, 13  # how a child ends: see `in_child`


@contextlib.contextmanager
def handled(folder: str, handler: Handler) -> Iterator[None]:
    """Hand every step below `folder` to `handler`, one at a time, in whatever thread it is made."""
    turn = threading.RLock()

    def put_in_place(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*values: Any, **named: Any) -> Any:
            step = _step(name, values)
            if step is None or not f"{step.path}/".startswith(f"{folder}/"):
                return real(*values, **named)
            with turn:
                return handler(step, lambda: real(*values, **named))

        return call

    names = ("open", *_OF_TWO, *_OF_ONE, *_OF_DESCRIPTOR)
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(os, name, put_in_place(name)))
        yield


def _step(name: str, values: tuple[Any, ...]) -> Step | None:
    """What a call is; None where it has to do with no path."""
    if name in _OF_DESCRIPTOR:
        return _descriptor_step(name, values)
    path = _absolute(values[0]) if values else ""
    if name in _OF_TWO:
        return Step(name, _absolute(values[1]) if name == "link" else path, _absolute(values[1]))
    if name == "open":
        is_unnamed = bool(_UNNAMED) and values[1] & _UNNAMED == _UNNAMED
        is_new = is_unnamed or (bool(values[1] & os.O_CREAT) and not os.path.lexists(path))
        return Step("create" if is_new else "open to write" if values[1] & _WRITES else "open", path)
    return Step({"remove": "unlink", "listdir": "list"}.get(name, name), path)


def _descriptor_step(name: str, values: tuple[Any, ...]) -> Step | None:
    try:
        path = os.readlink(f"/proc/self/fd/{values[0]}")
    except OSError:
        return None
    if name == "fsync":
        return Step("sync folder" if os.path.isdir(path) else "sync", path)
    return Step(name, path, descriptor=values[0], data=bytes(values[1]) if name == "write" else b"")


def _absolute(path: Any) -> str:
    return os.path.abspath(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else ""


class Fault(Protocol):
    """A handler of one fault."""

    def __call__(self, step: Step, call: Callable[[], Any]) -> Any:
        """See `Handler`."""

    @property
    def has_come(self) -> bool:
        """Whether the process came to the step that fails."""


class Killed:
    """SIGKILL at the n-th change: before it, or after it and in the middle of a write."""

    def __init__(self, number: int, *, is_after: bool) -> None:
        self._number = number
        self._is_after = is_after
        self._count = 0

    def __call__(self, step: Step, call: Callable[[], Any]) -> Any:
        self._count += step.is_change
        if not step.is_change or self._count != self._number:
            return call()
        if self._is_after and step.kind == "write":
            write_half(step)
        elif self._is_after:
            with contextlib.suppress(OSError):
                call()
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    @property
    def has_come(self) -> bool:
        return self._count >= self._number


class BrokenDisk:
    """The n-th step fails by EIO, once: what was to be written may be there in part."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._count = 0

    def __call__(self, step: Step, call: Callable[[], Any]) -> Any:
        self._count += 1
        if self._count != self._number:
            return call()
        if step.kind == "write":
            write_half(step)
        raise OSError(errno.EIO, os.strerror(errno.EIO), step.path)

    @property
    def has_come(self) -> bool:
        return self._count >= self._number


class FullDisk:
    """From the n-th change on nothing finds room (ENOSPC); of a write, the first half does. Removing goes on."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._count = 0

    def __call__(self, step: Step, call: Callable[[], Any]) -> Any:
        self._count += step.is_change
        if self._count < self._number or step.kind not in _NEEDS_ROOM:
            return call()
        if self._count == self._number and step.kind == "write" and len(step.data) > 1:
            return write_half(step)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), step.path)

    @property
    def has_come(self) -> bool:
        return self._count >= self._number


class OtherByte:
    """The n-th write to a file whose name ends so leaves one other byte on the disk, and is reported as done."""

    def __init__(self, number: int, ending: str) -> None:
        self._number = number
        self._ending = ending
        self._count = 0
        self.path = ""  # of the file that it came to

    def __call__(self, step: Step, call: Callable[[], Any]) -> Any:
        is_meant = step.kind == "write" and step.path.endswith(self._ending)
        self._count += is_meant
        if not is_meant or self._count != self._number:
            return call()
        self.path, middle = step.path, len(step.data) // 2
        return _REAL_WRITE(
            step.descriptor, step.data[:middle] + bytes([step.data[middle] ^ 1]) + step.data[middle + 1 :]
        )


def in_child(folder: Path, act: Callable[[], object], fault: Fault) -> int:
    """Act in a child of this process, with this fault below `folder`; how it ended, negative where it was killed.

    DONE: it never came to that step; UNHEEDED: it did, and what was to be done is done; REFUSED: by a named error.
    """
    child = os.fork()
    if child == 0:
        code = ANOTHER_ERROR
        try:
            with handled(str(folder), fault):
                act()
            code = UNHEEDED if fault.has_come else DONE
        except MemguardError:
            code = REFUSED
        except BaseException:  # noqa: BLE001  shown where the test fails
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def steps_of(folder: Path, act: Callable[[], object]) -> list[Step]:
    """What `act` does below `folder`, when nothing goes wrong."""
    found: list[Step] = []

    def note(step: Step, call: Callable[[], Any]) -> Any:
        found.append(step)
        return call()

    with handled(str(folder), note):
        act()
    return found


def write_half(step: Step) -> int:
    """The first half of what was to be written; how much that is, in bytes."""
    return _REAL_WRITE(step.descriptor, step.data[: len(step.data) // 2])


_REAL_WRITE = os.write
