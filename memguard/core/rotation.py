"""A file that only grows: the full one is put aside as `<path>.1`, and a new one begun."""

import os


def put_aside(path: str, descriptor: int) -> None:
    """Put the full file aside, once: of two writers at the same time, the second finds another file at `path`.

    Without the lock it could look before the first renames and rename after a third has begun a new file.
    `descriptor` is the file as it was opened; the lock is given back when it is closed. Other refusals than that the
    file is gone are OSError.
    """
    if os.name == "posix":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        named, opened = os.lstat(path), os.fstat(descriptor)
        if (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino):
            os.replace(path, path + ".1")
    except FileNotFoundError:
        return
