"""Reading a small `name=value` file of the runtime folder that something else may have planted or torn."""

import os

_LARGEST_BYTES = 4096


def whole_pairs(path: str) -> "dict[str, str]":
    """Its lines; OSError or ValueError where it is a link, no plain file, another user's, too large or torn."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        data = os.read(descriptor, _LARGEST_BYTES + 1) if status.st_mode & 0o170000 == 0o100000 else b""
    finally:
        os.close(descriptor)
    if status.st_uid != os.geteuid() or len(data) > _LARGEST_BYTES or data[-1:] != b"\n":
        raise ValueError("not a whole note of this user")
    return dict(line.split("=", 1) for line in data.decode("utf-8", "replace").split("\n") if "=" in line)
