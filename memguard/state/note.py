"""A small file under a key of its own, for one reader: what the next session is to be told.

`<path>` holds nonce (12 bytes) and AES-256-GCM ciphertext, the key file beside it 32 bytes. The key is used once and
removed with the file, so what lay on the disk in between says nothing afterwards.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from memguard.core.errors import EnvelopeError
from memguard.core.layout import write_atomic

KEY_BYTES = 32
_NONCE_BYTES = 12
_LONGEST_NOTE = 4194304


def write_note(path: str, key_path: str, content: bytes, context: bytes) -> None:
    """Seal `content`; the key is in place before the note is."""
    key, nonce = os.urandom(KEY_BYTES), os.urandom(_NONCE_BYTES)
    write_atomic(key_path, key)
    write_atomic(path, nonce + AESGCM(key).encrypt(nonce, content, context))


def read_note(path: str, key_path: str, context: bytes) -> bytes:
    """Open a note; EnvelopeError where it or its key is missing, cut or changed."""
    hint = "the snapshot itself holds the same (`memguard snapshots show latest`)"
    try:
        key, sealed = _read(key_path), _read(path)
    except OSError as error:
        raise EnvelopeError(f"the handoff note can't be read: {error.strerror}", hint) from None
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise EnvelopeError("the handoff note was changed or damaged", hint) from None


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_LONGEST_NOTE)
