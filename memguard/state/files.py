"""Files and folders that must outlast a crash, and nobody else may read."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
from typing import TYPE_CHECKING, BinaryIO

from memguard.core.errors import StateError
from memguard.core.log import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class _Whole(io.FileIO):
    """Unbuffered, and each `write` takes all or raises OSError: on a nearly full disk the system takes a part."""

    def write(self, data: ReadableBuffer) -> int:
        with memoryview(data) as whole:
            written = 0
            while written < whole.nbytes:
                written += super().write(whole[written:])
        return written


def create(path: str) -> BinaryIO:
    """A new file of mode 0600, open for writing; FileExistsError where anything is already there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW | getattr(os, "O_BINARY", 0), 0o600)
    return _Whole(descriptor, "wb")


def sync(file: BinaryIO) -> None:
    """Bring a file's content to the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_dir(path: str) -> None:
    """Bring a folder's entries to the disk, where the system can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(path: str) -> None:
    """Remove a folder with all that is in it; one that is gone is fine."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def read_private(path: str, most_bytes: int) -> bytes:
    """A secret file of this user's that nobody else can read.

    Raises FileNotFoundError where there is none, StateError for a link, another's file, or one that others can read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StateError(f"{shown(path)} can't be read: {error.strerror}", "check what it is and whose") from None
    try:
        _check_private(path, os.fstat(descriptor))
        return os.read(descriptor, most_bytes)
    finally:
        os.close(descriptor)


def _check_private(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StateError(f"{shown(path)} is not a plain file", "remove it")
    if os.name != "posix":
        return
    if status.st_uid != os.geteuid():
        raise StateError(f"{shown(path)} belongs to another user", "check who uses this state folder")
    if status.st_mode & 0o077:
        raise StateError(f"{shown(path)} can be read by others", f"chmod 600 '{shown(path)}'")


@contextlib.contextmanager
def told(path: str) -> Iterator[None]:
    """Turn an OSError about `path` into a StateError of one line with a next step."""
    try:
        yield
    except OSError as error:
        where = shown(str(error.filename or path))
        raise StateError(
            f"{where}: {error.strerror or error}", f"check the space and permissions of {shown(path)}"
        ) from None


def shown(path: str) -> str:
    """A path for a message: on one line, cut."""
    return printable(path, 300)
