"""What can go wrong with a key that is the person's own."""

from __future__ import annotations

from memguard.core.errors import StateError


class KeyLostError(StateError):
    """The public half of a key is known, its private half is gone."""


class WrongPassphraseError(StateError):
    """A passphrase does not open the key that it was given for."""


def lost(fingerprint: str, where: str) -> KeyLostError:
    """The error of the key `fingerprint`, whose private half should have been `where`."""
    return KeyLostError(
        f"the private key {fingerprint} is gone ({where}): snapshots sealed for it can't be opened by anyone",
        "put it back from a backup, or by `memguard key import FILE`; to go on without it: `memguard key rotate`",
    )
