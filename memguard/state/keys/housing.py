"""Putting a private half into one of its places, so that it can be read again from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.state.keys import in_keyring, in_passphrase
from memguard.state.keys.key_file import KEYRING, PASSPHRASE, PLACES, PRIVATE, PUBLIC, KeyFile
from memguard.state.keys.private_keys import PrivateKeys

if TYPE_CHECKING:
    from memguard.state.keys.folder import KeyFolder
    from memguard.state.keys.pair import Pair


def house(folder: KeyFolder, pair: Pair, place: str, passphrase: str = "") -> None:
    """Write the files of a key, first what opens, then what seals. Under the lock.

    It is opened once before it replaces anything: a key that could not be opened again would be a lost one.
    """
    key_file = _housed(pair, place, passphrase)
    PrivateKeys(folder, lambda _: passphrase).open(key_file)
    folder.write(key_file)
    folder.write(KeyFile(PUBLIC, pair.public, pair.made))


def _housed(pair: Pair, place: str, passphrase: str) -> KeyFile:
    if place == KEYRING:
        return in_keyring.housed(pair)
    if place == PASSPHRASE:
        return in_passphrase.housed(pair, passphrase)
    return KeyFile(PRIVATE, pair.public, pair.made, private=pair.private.hex())


def leave_all_but(folder: KeyFolder, fingerprint: str, place: str) -> None:
    """Remove a key from its other places. Under the lock, once it is in `place`."""
    for other in PLACES:
        if other == place or other not in folder.places(fingerprint):
            continue
        if other == KEYRING:
            in_keyring.forget(fingerprint)  # what the file says of it may be damaged
        folder.remove(fingerprint, other)
