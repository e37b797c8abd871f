"""How each key of this person stands: where it is, whether it opens, how many snapshots need it."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING

from memguard.core.errors import MemguardError, StateError
from memguard.core.layout import SNAPSHOTS
from memguard.state import files
from memguard.state.keys import in_keyring
from memguard.state.keys.key_file import KEYRING, PRIVATE
from memguard.state.keys.private_keys import PrivateKeys

if TYPE_CHECKING:
    from memguard.state.keys.folder import KeyFolder
    from memguard.state.keys.key_file import KeyFile

_HEADER = re.compile(rb"memguard-sealed [0-9]+ ([0-9a-f]{16}) ")
_HEADER_BYTES = 256


class Standing:
    """One key. `error` is why it can't be opened, as far as that shows without asking for a passphrase."""

    __slots__ = ("backend", "error", "fingerprint", "is_current", "made", "places", "public", "snapshots")

    def __init__(self, fingerprint: str, snapshots: int) -> None:
        self.fingerprint = fingerprint
        self.snapshots = snapshots
        self.places: list[str] = []
        self.public = self.made = self.backend = ""
        self.is_current = False
        self.error: MemguardError | None = None

    def to_dict(self) -> dict[str, object]:
        """For `--json`."""
        names = ("fingerprint", "is_current", "public", "made", "places", "backend", "snapshots")
        error = self.error and {"what": self.error.what, "next_step": self.error.next_step}
        return {**{name: getattr(self, name) for name in names}, "error": error}


def standings(folder: KeyFolder, *, asks_keyring: bool) -> list[Standing]:
    """Every key, the current one first, then the newest. StateError where the folder itself can't be trusted."""
    if not folder.exists:
        return []
    folder.make()
    folder.settle()
    needed, current = snapshots_by_key(folder.state_dir), folder.current()
    found = [_standing(folder, name, needed[name], asks_keyring) for name in folder.fingerprints()]
    for each in found:
        each.is_current = each.fingerprint == current
    return sorted(found, key=lambda each: (each.is_current, each.made), reverse=True)


def _standing(folder: KeyFolder, fingerprint: str, snapshots: int, asks_keyring: bool) -> Standing:
    found = Standing(fingerprint, snapshots)
    found.places = folder.places(fingerprint)
    try:
        half = folder.half(fingerprint)
        if half:
            found.public, found.made = half.values["public"], half.made
        _look_at(folder, found, asks_keyring)
    except (MemguardError, FileNotFoundError) as error:
        vanished = StateError("it has just been moved", "look again")
        found.error = error if isinstance(error, MemguardError) else vanished
    return found


def _look_at(folder: KeyFolder, found: Standing, asks_keyring: bool) -> None:
    """Raises what opening it would raise, as far as nobody is asked."""
    error: MemguardError | OSError = folder.lost(found.fingerprint)
    for place in found.places:
        try:
            _look_into(folder.read(found.fingerprint, place), folder, found, asks_keyring)
        except (MemguardError, FileNotFoundError) as raised:
            error = raised
        else:
            return
    raise error


def _look_into(key_file: KeyFile, folder: KeyFolder, found: Standing, asks_keyring: bool) -> None:
    found.backend = key_file.values.get("backend", "") or found.backend
    if key_file.kind == PRIVATE or (key_file.kind == KEYRING and asks_keyring):
        PrivateKeys(folder).open(key_file)
    elif key_file.kind == KEYRING:
        in_keyring.backend_name()


def snapshots_by_key(state_dir: str) -> Counter[str]:
    """How many snapshots of all projects each key is needed for, by fingerprint. It reads their headers only."""
    counted: Counter[str] = Counter()
    for project in files.names_in(state_dir):
        snapshots = os.path.join(state_dir, project, SNAPSHOTS)
        for name in files.names_in(snapshots):
            counted.update(_recipient(os.path.join(snapshots, name, "manifest.sealed")))
    return counted


def _recipient(path: str) -> list[str]:
    """Whom a file is sealed for; none where that can't be told."""
    try:
        with files.open_read(path) as file:
            found = _HEADER.match(file.read(_HEADER_BYTES))
    except OSError:
        return []
    return [found[1].decode()] if found else []
