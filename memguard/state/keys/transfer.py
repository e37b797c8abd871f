"""Keys that leave the folder or come into it: moved to another place, exported to a file, imported from one."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from memguard.core.errors import StateError
from memguard.state import files
from memguard.state.keys import in_passphrase
from memguard.state.keys.housing import house, leave_all_but
from memguard.state.keys.key_file import PASSPHRASE, PRIVATE, KeyFile, broken, parse, parts
from memguard.state.keys.pair import Pair

if TYPE_CHECKING:
    from memguard.state.keys.folder import KeyFolder
    from memguard.state.keys.private_keys import PrivateKeys

_LONGEST_EXPORT_BYTES = 65536


def pairs(folder: KeyFolder, fingerprints: list[str], keys: PrivateKeys) -> list[Pair]:
    """These keys, opened. Raises what `PrivateKeys.key_for` raises."""
    opened = []
    for fingerprint in fingerprints:
        private, half = keys.key_for(fingerprint), folder.half(fingerprint)
        if half:
            opened.append(Pair(private, half.public, half.made))
    return opened


def move(folder: KeyFolder, moved: list[Pair], place: str, passphrase: str = "") -> None:
    """Put keys into `place`, and only then take them out of where they were.

    Killed at any point, each is in its old place, in its new one, or in both; moving again ends it. To where it is
    already, a key gets the new passphrase.
    """
    with folder.lock():
        for pair in moved:
            house(folder, pair, place, passphrase)
            leave_all_but(folder, pair.fingerprint, place)


def export(path: str, exported: list[Pair], passphrase: str | None) -> None:
    """Write keys to a new file of 0600, behind `passphrase`, or as they are where it is None.

    Raises StateError where anything is there already; an error leaves no file.
    """
    text = "".join(_exported(pair, passphrase).to_text() for pair in exported).encode()
    with files.told(path):
        try:
            files.write_new(path, text)
            files.sync_dir(os.path.dirname(os.path.abspath(path)))
        except FileExistsError:
            raise StateError(f"{files.shown(path)} is there already", "name a new file") from None
        except OSError:
            files.remove(path)
            raise


def _exported(pair: Pair, passphrase: str | None) -> KeyFile:
    if passphrase is None:
        return KeyFile(PRIVATE, pair.public, pair.made, private=pair.private.hex())
    return in_passphrase.housed(pair, passphrase)


def read_export(path: str) -> list[KeyFile]:
    """The keys in an exported file, as yet unopened.

    Raises StateError for what no export has written, and for keys without a passphrase that others can read.
    """
    path = os.path.realpath(path)  # the person named it, so a link is what they meant
    with files.told(path):
        try:
            text = files.read_small(path, _LONGEST_EXPORT_BYTES).decode("ascii", "replace")
        except ValueError:
            raise broken(path) from None
        found = [parse(part, path) for part in parts(text)] if text else []
        if not found or any(key_file.kind not in (PRIVATE, PASSPHRASE) for key_file in found):
            raise broken(path)
        if any(key_file.kind == PRIVATE for key_file in found):
            files.read_private(path, 1)
    return found


def take_in(folder: KeyFolder, brought: list[Pair], place: str, passphrase: str = "") -> None:
    """Put keys into the folder, beside others and in place of themselves; which one is current stays."""
    with folder.lock():
        for pair in brought:
            house(folder, pair, place, passphrase)
            # A keyring that refuses keeps its entry: the key opens from where it is now, and a move ends it.
            with contextlib.suppress(StateError):
                leave_all_but(folder, pair.fingerprint, place)
