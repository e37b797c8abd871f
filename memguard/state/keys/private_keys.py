"""The private halves that this person has, each fetched when a sealed file needs it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from memguard.core.errors import StateError
from memguard.state import files
from memguard.state.envelope import WrongKeyError
from memguard.state.keys.errors import WrongPassphraseError, lost
from memguard.state.keys.key_file import KEYRING, PASSPHRASE, PRIVATE, KeyFile

if TYPE_CHECKING:
    from memguard.state.keys.folder import KeyFolder

Ask = Callable[[str], str]  # asks the person for a passphrase, with this prompt


class PrivateKeys:
    """Opens what was sealed for any key of this person: a KeySource of the envelope.

    Each key is fetched once, and its passphrase asked for once, whether it was right or wrong.
    """

    def __init__(self, folder: KeyFolder, ask: Ask | None = None) -> None:
        """`ask` None: a key behind a passphrase is a StateError."""
        self._folder = folder
        self._ask = ask
        self._keys: dict[str, bytes] = {}
        self._errors: dict[str, StateError] = {}
        self._passphrases: list[str] = []

    def key_for(self, recipient: str) -> bytes:
        """The private half, 32 bytes, of the key whose fingerprint is `recipient`.

        Raises WrongKeyError for a key of somebody else's, KeyLostError where only the public half is left,
        WrongPassphraseError, and StateError where a file can't be trusted or a keyring refuses.
        """
        if recipient in self._errors:
            raise self._errors[recipient]
        if recipient not in self._keys:
            try:
                self._keys[recipient] = self._fetched(recipient)
            except StateError as error:
                self._errors[recipient] = error
                raise
        return self._keys[recipient]

    def open(self, key_file: KeyFile) -> bytes:
        """The private half that a file holds or leads to; it was compared with the public half."""
        from memguard.state.keys import in_keyring
        from memguard.state.keys.pair import public_of

        if key_file.kind == PRIVATE:
            private = bytes.fromhex(key_file.values["private"])
        elif key_file.kind == KEYRING:
            private = in_keyring.fetched(key_file)
        elif key_file.kind == PASSPHRASE:
            private = self._unlocked(key_file)
        else:
            raise lost(key_file.fingerprint, "there is its public half alone")
        if public_of(private) != key_file.public:
            raise StateError(
                f"what is kept as the private key {key_file.fingerprint} is another", "put it back from a backup"
            )
        return private

    def _fetched(self, recipient: str) -> bytes:
        folder = self._folder
        if not re.fullmatch("[0-9a-f]{16}", recipient) or not folder.exists:
            raise _not_ours(recipient)
        folder.make()
        folder.settle()
        with files.told(folder.path):
            if not folder.places(recipient) and folder.half(recipient) is None:
                raise _not_ours(recipient)
            return self.open_first(recipient, folder.places(recipient))

    def open_first(self, fingerprint: str, places: list[str]) -> bytes:
        """The private half from the first of these places that gives it; two are left by a move that was interrupted.

        Raises what the last one raised, KeyLostError where there is none.
        """
        error: StateError | OSError = self._folder.lost(fingerprint)
        for place in places:
            try:
                return self.open(self._folder.read(fingerprint, place))
            except (StateError, OSError) as found:
                error = found
        raise error

    def _unlocked(self, key_file: KeyFile) -> bytes:
        """By a passphrase that has opened another key, else by one that the person is asked for."""
        from memguard.state.keys import in_passphrase

        for passphrase in self._passphrases:
            try:
                return in_passphrase.opened(key_file, passphrase)
            except WrongPassphraseError:
                continue
        if self._ask is None:
            raise StateError(
                f"the key {key_file.fingerprint} is behind a passphrase",
                "open it in a terminal, or name a file that holds the passphrase: --passphrase-file FILE",
            )
        passphrase = self._ask(f"Passphrase of the key {key_file.fingerprint}: ")
        private = in_passphrase.opened(key_file, passphrase)
        self._passphrases.append(passphrase)
        return private


def _not_ours(recipient: str) -> WrongKeyError:
    return WrongKeyError(
        f"it is sealed for the key {files.shown(recipient)}, which is not among yours",
        "bring that key here: `memguard key export FILE` where it is, `memguard key import FILE` here",
    )
