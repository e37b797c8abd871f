"""Files and folders that must outlast a crash, and nobody else may read.

Everything that the store does to the disk goes through here, and from here through `os`, so that a test can put a disk
that fails in its place.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, cast

from memguard.core.errors import StateError
from memguard.core.layout import ancestors, private_dir
from memguard.core.log import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer, WriteableBuffer

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_READ_BYTES = 131072


class FileError(StateError):
    """A file or folder can't be read or written."""


class _Whole(io.FileIO):
    """Unbuffered, and each `write` takes all or raises OSError: on a nearly full disk the system takes a part."""

    def write(self, data: ReadableBuffer) -> int:
        with memoryview(data) as whole:
            written = 0
            while written < whole.nbytes:
                written += os.write(self.fileno(), whole[written:])
        return written


class _Read(io.FileIO):
    """Each read is one of `os`."""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        with memoryview(buffer).cast("B") as room:
            data = os.read(self.fileno(), room.nbytes)
            room[: len(data)] = data
        return len(data)


def create(path: str) -> BinaryIO:
    """A new file of mode 0600, open for writing; FileExistsError where anything is already there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW | _BINARY, 0o600)
    return _Whole(descriptor, "wb")


def open_read(path: str) -> BinaryIO:
    """A plain file, open for reading; OSError for a link, and for what is no plain file."""
    descriptor = os.open(path, os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is not a plain file", path)
    return cast("BinaryIO", io.BufferedReader(_Read(descriptor, "rb"), _READ_BYTES))


def read_small(path: str, most_bytes: int) -> bytes:
    """A plain file's content; OSError, or ValueError where it is longer than `most_bytes`."""
    with open_read(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"{path} is longer than {most_bytes} bytes")
    return data


@contextlib.contextmanager
def appearing(path: str) -> Iterator[BinaryIO]:
    """A new file of mode 0600 that has its name, on the disk, once all of it is there.

    Where the system can do that (Linux, most file systems) it has no name before, so a process that is killed leaves
    nothing of it; elsewhere it lies beside. An error leaves nothing. FileExistsError where anything is at `path`.
    """
    folder = os.path.dirname(os.path.abspath(path))
    partial = f"{path}.{os.getpid()}.part"
    unnamed = _open_unnamed(folder)
    try:
        with unnamed or create(partial) as file:
            yield file
            sync(file)
            if unnamed:
                _give_name(file, path)
        if not unnamed:
            _rename_new(partial, path)
    finally:
        if not unnamed:
            remove(partial)
    try:
        sync_dir(folder)
    except OSError:
        remove(path)
        raise


def _open_unnamed(folder: str) -> BinaryIO | None:
    flags = getattr(os, "O_TMPFILE", 0)
    if not flags or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return _Whole(os.open(folder, os.O_WRONLY | flags, 0o600), "wb")
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            return None
        raise


def _give_name(unnamed: BinaryIO, path: str) -> None:
    """A hard link, followed from /proc: the call that does so takes a folder to begin from."""
    root = os.open("/", os.O_RDONLY)
    try:
        os.link(f"/proc/self/fd/{unnamed.fileno()}", path, src_dir_fd=root, follow_symlinks=True)
    except OSError as error:  # which names the descriptor: nothing that the person knows
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(root)


def _rename_new(old: str, path: str) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    rename(old, path)


def write_new(path: str, data: bytes, *, lasts: bool = True) -> None:
    """A new file with this content; on the disk where it `lasts`."""
    with create(path) as file:
        file.write(data)
        if lasts:
            sync(file)


def replace_small(path: str, data: bytes) -> None:
    """Put a file in place of what is at `path`, at once and as a whole; only where no other process does the same.

    It is not synced: who reads it finds by its own checksum that a power cut left a part.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.tmp")
    remove(temporary)
    write_new(temporary, data, lasts=False)
    os.replace(temporary, path)


def rename(old: str, new: str) -> None:
    """Rename a file or a folder that has nothing in its way."""
    os.rename(old, new)


def replace(old: str, new: str) -> None:
    """Rename a file over another."""
    os.replace(old, new)


def remove(path: str) -> None:
    """Remove a file; one that is gone is fine."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def make_dir(path: str) -> None:
    """A new folder of 0700; FileExistsError where anything is already there."""
    os.mkdir(path, 0o700)


def private_dirs(path: str) -> None:
    """Folders of 0700 that are this user's alone, down to `path`; where that is new, it is on the disk afterwards.

    So is the lowest folder that was there: who made it may not have synced the one above.
    """
    is_new = not os.path.isdir(path)
    above = [path]
    while not os.path.isdir(above[-1]):
        above.append(os.path.dirname(above[-1]))
    private_dir(path)
    for folder in above if is_new else []:
        sync_dir(os.path.dirname(folder))


def names_in(folder: str) -> list[str]:
    """What is in a folder; empty where it is missing, or is none."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def size_bytes(path: str) -> int:
    """A plain file's length; -1 where there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return -1
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def cut(file: BinaryIO, size_bytes: int) -> None:
    """Make a file that is being written shorter."""
    file.flush()
    os.ftruncate(file.fileno(), size_bytes)


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


def sync_above(path: str) -> None:
    """Bring the entries of every folder above `path` to the disk, but for those that this user can't open."""
    for folder in ancestors(path)[1:]:
        with contextlib.suppress(PermissionError):
            sync_dir(folder)


def remove_tree(path: str) -> None:
    """Remove a folder with all that is in it; one that is gone is fine. Links are removed, never followed."""
    if os.path.islink(path) or not os.path.isdir(path):
        remove(path)
        return
    for name in names_in(path):
        remove_tree(os.path.join(path, name))
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(path)


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
        check_private(path, os.fstat(descriptor))
        return os.read(descriptor, most_bytes)
    finally:
        os.close(descriptor)


def check_private(path: str, status: os.stat_result) -> None:
    """Raise StateError where this is no plain file of this user's that nobody else can read."""
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
    """Turn an OSError about `path` into a FileError of one line with a next step."""
    try:
        yield
    except OSError as error:
        where = shown(str(error.filename or path))
        raise FileError(
            f"{where}: {error.strerror or error}", f"check the space and permissions of {shown(path)}"
        ) from None


def shown(path: str) -> str:
    """A path for a message: on one line, cut."""
    return printable(path, 300)
