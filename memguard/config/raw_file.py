"""The bytes of a file that may be anything: huge, a folder, a FIFO, a link to somewhere else."""

import os
import stat

from memguard.config.inside import is_inside
from memguard.config.shown import shown
from memguard.core.errors import ConfigError

# A file that sets every value is 2 KB; reading 10 MB of TOML takes seconds.
LARGEST_BYTES = 1024 * 1024


def read_raw(path: str, inside: str | None = None) -> bytes | None:
    """The bytes of a regular file, 1 MB at the most; None where there is none. ConfigError for anything else.

    With `inside`, a folder, a link that leads out of it is refused.
    """
    real = os.path.realpath(path)
    if inside is not None and not is_inside(path, inside):
        raise ConfigError(f"{shown(path)} is a link to outside the project", "make it a plain file")
    # Without O_NONBLOCK, opening a FIFO would wait for a writer that never comes.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(real, flags)
    except FileNotFoundError:
        if not os.path.lexists(path):
            return None
        raise ConfigError(f"{shown(path)} is a link to nothing", "remove it") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        return _regular(path, descriptor)
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(descriptor)


def _unreadable(path: str, error: OSError) -> ConfigError:
    return ConfigError(f"{shown(path)} can't be read: {error.strerror}", "check the file and its permissions")


def _regular(path: str, descriptor: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise ConfigError(f"{shown(path)} is {kind}", "make it a plain text file")
    with os.fdopen(os.dup(descriptor), "rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise ConfigError(f"{shown(path)} is larger than 1 MB", "a configuration has some 20 lines: shorten it")
    return data


def decoded(path: str, data: bytes) -> str:
    """The text of a file; ConfigError where it is none."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigError(f"{shown(path)} is not a text file", "write it as text in UTF-8")
    return text
