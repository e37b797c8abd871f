"""Reading a file that anybody may have put there: only a plain one of this user's, never waiting, never following."""

import os
import stat

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def read_end(path: str, most_bytes: int) -> bytes:
    """The last bytes of a file; empty where it is missing, a link, a FIFO, another user's, or open to others."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return b""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return b""
        return os.pread(descriptor, most_bytes, max(0, status.st_size - most_bytes))
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def read_pairs_of(path: str) -> dict[str, str]:
    """The `name=value` lines of a small file, as `core.layout` writes them; empty where it is not to be believed."""
    text = read_end(path, 65536).decode("utf-8", "replace")
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)
