"""Reading a TOML file that may be anything: huge, binary, a folder, a FIFO, a link to somewhere else."""

import os
import stat
import tomllib

from memguard.config.inside import is_inside
from memguard.config.shown import shown
from memguard.core.errors import ConfigError

# A file that sets all 22 values is 1 KB; reading 10 MB of TOML takes seconds.
LARGEST_BYTES = 1024 * 1024


def read_toml(path: str, inside: str | None = None) -> dict[str, object] | None:
    """The tables of a TOML file; None where there is no file. ConfigError, of one line, for anything else.

    With `inside`, a folder, a link that leads out of it is refused.
    """
    real = os.path.realpath(path)
    if inside is not None and not is_inside(path, inside):
        raise ConfigError(f"{shown(path)} is a link to outside the project", "make it a plain file")
    data = _read(path, real)
    return None if data is None else _parse(path, data)


def _read(path: str, real: str) -> bytes | None:
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
        raise ConfigError(f"{shown(path)} is {kind}", "make it a plain TOML file")
    with os.fdopen(os.dup(descriptor), "rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise ConfigError(f"{shown(path)} is larger than 1 MB", "a configuration has some 20 lines: shorten it")
    return data


def _parse(path: str, data: bytes) -> dict[str, object]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigError(f"{shown(path)} is not a text file", "write it as TOML in UTF-8")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: TOML errors, and numbers of 5,000 digits
        reason = "too deeply nested" if isinstance(error, RecursionError) else shown(str(error), 120)
        raise ConfigError(f"{shown(path)} is not valid TOML: {reason}", "correct that line") from None
