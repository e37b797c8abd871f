"""The folder `<state>/keys/`.

    current                  fingerprint of the key that captures seal to
    <fingerprint>.public     its public half
    <fingerprint>.private    its private half, as it is
    <fingerprint>.keyring    says that the private half is in the keyring of the operating system
    <fingerprint>.passphrase the private half, sealed under a passphrase

Readers take no lock: each file appears whole or not at all. Nothing here removes a private half but a move, once the
key has been read back from its new place.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from memguard.core.errors import StateError
from memguard.core.own_folder import own_folder
from memguard.state import files
from memguard.state.keys.errors import lost
from memguard.state.keys.key_file import (
    KEYRING,
    LONGEST_BYTES,
    PASSPHRASE,
    PLACES,
    PRIVATE,
    PRIVATE_BYTES,
    PUBLIC,
    KeyFile,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = "keys"
CURRENT = "current"
_FINGERPRINT = "[0-9a-f]{16}"
_FILE_NAME = re.compile(rf"({_FINGERPRINT})\.({PUBLIC}|{PRIVATE}|{KEYRING}|{PASSPHRASE})")
_UNFINISHED = ".tmp"
_LOCK_TIMEOUT_S = 30


class KeyFolder:
    """The key files of one person."""

    def __init__(self, state_dir: str) -> None:
        self.state_dir = state_dir
        self.path = os.path.join(state_dir, KEYS)

    def make(self) -> None:
        """Make it where it is missing; StateError where someone else could have put keys into it."""
        is_new = not os.path.lexists(self.path)
        own_folder(self.state_dir)
        own_folder(self.path)
        if is_new:
            # Whoever made the state folder did not sync it, and a key that a power cut takes away is lost for good.
            files.sync_above(self.path)

    @property
    def exists(self) -> bool:
        """Whether anything is there; StateError where that can't be seen, since a key there would not be lost."""
        with files.told(self.path):
            try:
                os.lstat(self.path)
            except FileNotFoundError:
                return False
        return True

    @property
    def is_of_version_before(self) -> bool:
        """Whether there is anything that `takeover` takes over."""
        return any(os.path.lexists(os.path.join(self.path, name)) for name in (PRIVATE, PUBLIC))

    def path_of(self, fingerprint: str, kind: str) -> str:
        """Where the file of this kind is."""
        return os.path.join(self.path, f"{fingerprint}.{kind}")

    def current(self) -> str:
        """The fingerprint of the key to seal to; empty where none was chosen yet."""
        path = os.path.join(self.path, CURRENT)
        try:
            text = files.read_private(path, LONGEST_BYTES).decode("ascii", "replace")
        except FileNotFoundError:
            return ""
        if not re.fullmatch(f"{_FINGERPRINT}\n", text):
            raise StateError(f"{files.shown(path)} names no key", "remove it: the newest key counts then")
        return text.strip()

    def set_current(self, fingerprint: str) -> None:
        """From now on captures seal to this key. Under the lock."""
        self._replace(CURRENT, f"{fingerprint}\n")

    def fingerprints(self) -> list[str]:
        """Every key of which there is any file."""
        names = files.names_in(self.path)
        return sorted({found[1] for name in names if (found := _FILE_NAME.fullmatch(name))})

    def places(self, fingerprint: str) -> list[str]:
        """Where the private half is: none when it is lost, two when a move was interrupted."""
        return [kind for kind in PLACES if os.path.lexists(self.path_of(fingerprint, kind))]

    def look_at(self, fingerprint: str) -> None:
        """See whether the private half is where it should be, as far as that shows without opening it.

        Raises KeyLostError where no place has it, or it is cut off there; StateError where others can read it.
        Of a key in the keyring, this sees no more than the file that says so.
        """
        error: StateError = self.lost(fingerprint)
        for kind in self.places(fingerprint):
            try:
                self._look_at(fingerprint, kind)
            except StateError as found:
                error = found
            else:
                return
        raise error

    def _look_at(self, fingerprint: str, kind: str) -> None:
        if kind != PRIVATE:
            self.read(fingerprint, kind)
            return
        path = self.path_of(fingerprint, kind)
        status = os.lstat(path)  # a capture has no need of what is in it, and does not read it
        files.check_private(path, status)
        if status.st_size != PRIVATE_BYTES:
            raise lost(fingerprint, f"{files.shown(path)} is damaged")

    def lost(self, fingerprint: str) -> StateError:
        """The error of a key that is in no place."""
        return lost(fingerprint, f"there is no {files.shown(self.path_of(fingerprint, PRIVATE))}")

    def read(self, fingerprint: str, kind: str) -> KeyFile:
        """One key file.

        Raises FileNotFoundError where there is none, StateError where it is not to be trusted.
        """
        path = self.path_of(fingerprint, kind)
        found = parse(files.read_private(path, LONGEST_BYTES).decode("ascii", "replace"), path)
        if (found.fingerprint, found.kind) != (fingerprint, kind):
            raise StateError(f"{files.shown(path)} holds another key than its name says", "put it back from a backup")
        return found

    def half(self, fingerprint: str) -> KeyFile | None:
        """Any file of this key: each holds the public half. None where there is none."""
        for kind in (PUBLIC, *PLACES):
            with contextlib.suppress(FileNotFoundError):
                return self.read(fingerprint, kind)
        return None

    def write(self, key_file: KeyFile) -> None:
        """Put a key file in place, on the disk. Under the lock."""
        self._replace(f"{key_file.fingerprint}.{key_file.kind}", key_file.to_text())

    def remove(self, fingerprint: str, kind: str) -> None:
        """Remove a key file. Under the lock."""
        files.remove(self.path_of(fingerprint, kind))
        files.sync_dir(self.path)

    def settle(self) -> None:
        """Take over what the version before has left; else nothing."""
        if self.is_of_version_before:
            with self.lock():
                pass

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder, made where it is missing; StateError when another holds it too long.

        What the version before has left is taken over first, so whoever holds it sees its own kind of files only.
        """
        from filelock import FileLock, Timeout  # 60 ms, and no capture but the first one needs it

        self.make()
        try:
            with files.told(self.path), FileLock(os.path.join(self.path, "lock"), timeout=_LOCK_TIMEOUT_S, mode=0o600):
                self._clean()
                if self.is_of_version_before:
                    from memguard.state.keys.takeover import take_over

                    take_over(self)
                yield
        except Timeout:
            raise StateError("another process holds the lock of the key folder", "try again in a minute") from None

    def _clean(self) -> None:
        """Remove what died before it was in place: it may hold a key that is to be kept elsewhere."""
        for name in files.names_in(self.path):
            if name.startswith(".") and name.endswith(_UNFINISHED):
                files.remove(os.path.join(self.path, name))

    def _replace(self, name: str, text: str) -> None:
        temporary = os.path.join(self.path, f".{name}{_UNFINISHED}")
        files.write_new(temporary, text.encode())
        files.replace(temporary, os.path.join(self.path, name))
        files.sync_dir(self.path)
