"""A private half sealed under a passphrase: Scrypt makes a key of it, AES-256-GCM seals.

What a guess costs is said by the file; `benchmarks/bench_passphrase.py` measures it.
"""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from memguard.core.errors import StateError
from memguard.state.keys.errors import WrongPassphraseError
from memguard.state.keys.key_file import PASSPHRASE, KeyFile

if TYPE_CHECKING:
    from memguard.state.keys.pair import Pair

SHORTEST = 8
_SALT_BYTES = 16
# The salt is drawn anew for each file, so its key seals this one text, and any nonce will do.
_NONCE = bytes(12)


class Cost(NamedTuple):
    """What one guess costs, in Scrypt's own parameters."""

    log2_n: int
    r: int
    p: int

    @property
    def memory_bytes(self) -> int:
        """What one guess needs."""
        return 128 * self.r * ((1 << self.log2_n) + self.p)


# 128 MiB, and about half a second: what the person waits for once per command.
COST = Cost(17, 8, 1)
# A file that asks for more was not written by memguard, and must not make a host that is short of memory fall.
_MOST = Cost(18, 8, 4)


def housed(pair: Pair, passphrase: str) -> KeyFile:
    """The file that holds a private half behind `passphrase`. Raises StateError for one that is too short."""
    if len(passphrase) < SHORTEST:
        raise StateError(f"a passphrase has at least {SHORTEST} characters", "take several words")
    salt, cost = os.urandom(_SALT_BYTES), f"{COST.log2_n} {COST.r} {COST.p}"
    key_file = KeyFile(PASSPHRASE, pair.public, pair.made, scrypt=cost, salt=salt.hex(), sealed="")
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key_file.values["sealed"] = (
        AESGCM(_derived(key_file, passphrase)).encrypt(_NONCE, pair.private, _bound(key_file)).hex()
    )
    return key_file


def opened(key_file: KeyFile, passphrase: str) -> bytes:
    """The private half, 32 bytes.

    Raises WrongPassphraseError, and StateError where the file asks for more memory than any that memguard writes.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sealed, key = bytes.fromhex(key_file.values["sealed"]), _derived(key_file, passphrase)
    try:
        return AESGCM(key).decrypt(_NONCE, sealed, _bound(key_file))
    except InvalidTag:
        raise WrongPassphraseError(
            f"the passphrase does not open the key {key_file.fingerprint}",
            "try again; if it is the right one, the key file was changed: put it back from a backup, or by "
            "`memguard key import --replace FILE`",
        ) from None


def _bound(key_file: KeyFile) -> bytes:
    """All lines before the sealed one: changed, the file does not open."""
    return key_file.to_text().rpartition("sealed=")[0].encode()


def _derived(key_file: KeyFile, passphrase: str) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    cost = _cost(key_file)
    # The same characters can be typed as different code points.
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    salt = bytes.fromhex(key_file.values["salt"])
    try:
        return Scrypt(salt=salt, length=32, n=1 << cost.log2_n, r=cost.r, p=cost.p).derive(secret)
    except MemoryError:
        raise StateError(
            f"opening a key behind a passphrase takes {cost.memory_bytes >> 20} MiB, which are not to be had",
            "end something, and try again",
        ) from None


def _cost(key_file: KeyFile) -> Cost:
    cost = Cost(*map(int, key_file.values["scrypt"].split(" ")))
    if any(asked > most for asked, most in zip(cost, _MOST, strict=True)):
        raise StateError(
            f"the key file of {key_file.fingerprint} asks for more work than memguard ever writes",
            "put it back from a backup",
        )
    return cost
