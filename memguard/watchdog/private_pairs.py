"""Reading `name=value` files of the runtime folder that another process may have planted or torn."""

import os

_LONGEST_FILE = 8192
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
# More than any host holds: a number above this was not written by memguard.
_LARGEST = 1 << 60


def read_private_pairs(path: str) -> "dict[str, str]":
    """The pairs of a plain file of this user's that nobody else may write; empty for anything else.

    It never waits: a FIFO of that name is not a plain file, and no link is followed.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return {}
    try:
        status = os.fstat(descriptor)
        if os.name == "posix" and (status.st_uid != os.geteuid() or status.st_mode & 0o170022 != 0o100000):
            return {}
        text = os.read(descriptor, _LONGEST_FILE).decode("utf-8", "replace")
    except OSError:
        return {}
    finally:
        os.close(descriptor)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def whole_number(text: str) -> int:
    """A number of bytes or a count; ValueError for one that is negative, huge or not in digits."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else -1
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"{text[:20]!r} is no number of memguard's")
    return number


def flag(text: str) -> bool:
    """`1` or `0`; ValueError for anything else."""
    if text not in ("0", "1"):
        raise ValueError(f"{text[:20]!r} is no flag of memguard's")
    return text == "1"


def seconds(text: str) -> float:
    """A moment in seconds; ValueError for one that is not a finite number."""
    number = float(text)
    if not -_LARGEST < number < _LARGEST:
        raise ValueError(f"{text[:20]!r} is no moment")
    return number
