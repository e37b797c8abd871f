"""Where a passphrase comes from: the terminal, or a file that the person named; never an argument or a variable.

Both can be seen by others: arguments in the list of processes, variables by whatever is started.
"""

import argparse
import getpass
import os
import stat
import warnings

from memguard.config.shown import shown
from memguard.core.errors import StateError

_LONGEST_BYTES = 4096
_FILE_OPTION = "name a file that holds it: --passphrase-file FILE"


def add_passphrase_option(parser: argparse.ArgumentParser) -> None:
    """Add `--passphrase-file`."""
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help="its first line opens keys behind a passphrase; a file descriptor is /dev/fd/N (default: the terminal)",
    )


class Passphrases:
    """The passphrases of one command; each file is read once, since a pipe can be read only once."""

    def __init__(self, path: str | None, new_path: str | None = None) -> None:
        """`path` holds the one that opens, `new_path` the one of what is written; None: the terminal."""
        self._path = path
        self._new_path = new_path or path
        self._read: dict[str, str] = {}

    def ask(self, prompt: str) -> str:
        """One that opens; what `private_keys` asks with."""
        return self._from_file(self._path) if self._path else _from_terminal(prompt)

    def new(self) -> str:
        """One for what is about to be written; in the terminal typed twice."""
        if self._new_path:
            return self._from_file(self._new_path)
        passphrase = _from_terminal("New passphrase: ")
        if _from_terminal("The same again: ") != passphrase:
            raise StateError("the two passphrases differ", "try again; nothing was changed")
        return passphrase

    def _from_file(self, path: str) -> str:
        if path not in self._read:
            self._read[path] = _from_file(path)
        return self._read[path]


def _from_terminal(prompt: str) -> str:
    """Asked on /dev/tty without echo; StateError where there is none. `getpass` alone would then read stdin."""
    try:
        if os.name == "posix":
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    except (OSError, EOFError, getpass.GetPassWarning):
        raise StateError(
            "a passphrase is needed, and there is no terminal to ask for it", f"run it in a terminal, or {_FILE_OPTION}"
        ) from None


def _from_file(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            _check_private(path, os.fstat(file.fileno()))
            line = _first_line(file.fileno())
    except OSError as error:
        raise StateError(f"{shown(path)}: {error.strerror}", _FILE_OPTION) from None
    if not line:
        raise StateError(f"{shown(path)} holds no passphrase in its first line", _FILE_OPTION)
    return line.decode("utf-8", "surrogateescape")


def _first_line(descriptor: int) -> bytes:
    data = b""
    while b"\n" not in data and len(data) < _LONGEST_BYTES:
        piece = os.read(descriptor, _LONGEST_BYTES)
        if not piece:
            break
        data += piece
    return data.partition(b"\n")[0].rstrip(b"\r")


def _check_private(path: str, status: os.stat_result) -> None:
    """A pipe has no readers but us; a file may have."""
    if os.name == "posix" and stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
        raise StateError(f"{shown(path)} can be read by others", f"chmod 600 '{shown(path)}'")
