"""Replacing a file as a whole, on disk when it returns, at the price of one fsync.

Putting a new file in the place of an old one frees the old one, which takes a file system as long as the fsync again
(ext4: 2.1 ms beside 2.6 ms). So the old file is kept as `<path>.spare`, and the next content is written into it.
"""

import os

from memguard.core.layout import remove, write_all

_FLAGS = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def write_in_turn(path: str, data: bytes) -> None:
    """Replace `path` by `data`, mode 0600; OSError where that fails, and `path` is as it was.

    Who calls it holds a lock. A reader sees the old content or the new one; one that opened the file two changes ago
    may see a mixture, and has to read again under the lock.
    """
    spare, old = f"{path}.spare", f"{path}.old"
    descriptor = _opened(spare)
    try:
        write_all(descriptor, data)
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    remove(old)  # of a process that died in here
    is_kept = _is_kept(path, old)
    os.replace(spare, path)
    if is_kept:
        os.replace(old, spare)


def _opened(spare: str) -> int:
    """The spare file, or a new one where there is none that is ours alone: another name of it may be kept for long."""
    try:
        descriptor = os.open(spare, _FLAGS)
    except OSError:
        return _made(spare)
    status = os.fstat(descriptor)
    if status.st_mode == 0o100600 and status.st_nlink == 1 and status.st_uid == os.geteuid():
        return descriptor
    os.close(descriptor)
    return _made(spare)


def _made(spare: str) -> int:
    remove(spare)
    return os.open(spare, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)


def _is_kept(path: str, old: str) -> bool:
    """Whether the file has a second name now: not where there is none yet, nor on file systems without links."""
    try:
        os.link(path, old, follow_symlinks=False)
    except (OSError, NotImplementedError):
        return False
    return True
