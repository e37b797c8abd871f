"""A key pair: its two halves, and when it was made."""

from __future__ import annotations

import time
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from memguard.state.envelope import fingerprint


class Pair(NamedTuple):
    """Both halves of an X25519 key, 32 bytes each."""

    private: bytes
    public: bytes
    made: str  # UTC, as in 2026-11-23T09:00:00Z

    @property
    def fingerprint(self) -> str:
        """The key's name."""
        return fingerprint(self.public)


def new_pair() -> Pair:
    """One that nobody else has."""
    private = X25519PrivateKey.generate().private_bytes_raw()
    return Pair(private, public_of(private), time_utc(time.time()))


def public_of(private: bytes) -> bytes:
    """The public half that belongs to a private one; empty where that is none."""
    try:
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    except ValueError:
        return b""


def time_utc(seconds: float) -> str:
    """A time as key files hold it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
