"""The key pair in `<state>/keys/`: captures seal to the public key, only opening a snapshot needs the private one."""

from __future__ import annotations

import os

from memguard.core.errors import StateError
from memguard.core.layout import private_dir
from memguard.state import files

KEYS = "keys"
PRIVATE = "private"
PUBLIC = "public"
_PRIVATE_MARK = "memguard-private-key 1 "
_PUBLIC_MARK = "memguard-public-key 1 "
_KEY_BYTES = 32
_LONGEST_KEY_FILE = 4096
_LOCK_TIMEOUT_S = 30


class KeyLostError(StateError):
    """The public key is there, its private key is not."""


def public_key(state_dir: str) -> bytes:
    """The key to seal to, 32 bytes; the pair is made on first use.

    Raises KeyLostError where the private half is gone: what is sealed then could never be opened.
    """
    folder = os.path.join(state_dir, KEYS)
    with files.told(folder):
        found = _public(folder)
        if found is None:
            return _make_or_mend(folder)
        if not os.path.lexists(os.path.join(folder, PRIVATE)):
            raise _lost(folder)
        return found


def private_key(state_dir: str) -> bytes:
    """The key that opens, 32 bytes; KeyLostError where there is none, StateError where others can read it."""
    folder = os.path.join(state_dir, KEYS)
    try:
        return _private(folder)
    except FileNotFoundError:
        raise _lost(folder) from None


def _lost(folder: str) -> KeyLostError:
    path = files.shown(os.path.join(folder, PRIVATE))
    return KeyLostError(
        f"the private key {path} is gone: snapshots sealed for it can't be opened by anyone",
        f"put it back from a backup, or move {files.shown(os.path.join(folder, PUBLIC))} away to begin with a new pair",
    )


def _public(folder: str) -> bytes | None:
    try:
        return _parse(os.path.join(folder, PUBLIC), _PUBLIC_MARK)
    except FileNotFoundError:
        return None


def _private(folder: str) -> bytes:
    return _parse(os.path.join(folder, PRIVATE), _PRIVATE_MARK)


def _parse(path: str, mark: str) -> bytes:
    text = files.read_private(path, _LONGEST_KEY_FILE).decode("ascii", "replace")
    try:
        key = bytes.fromhex(text.removeprefix(mark)) if text.startswith(mark) else b""
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise StateError(f"{files.shown(path)} is not a key file of memguard", "put it back from a backup")
    return key


def _make_or_mend(folder: str) -> bytes:
    """Under the lock: whoever comes second finds what the first has made."""
    from filelock import FileLock, Timeout  # 60 ms, and only ever needed once

    private_dir(folder)
    try:
        with FileLock(os.path.join(folder, "lock"), timeout=_LOCK_TIMEOUT_S, mode=0o600):
            return _public(folder) or _make(folder)
    except Timeout:
        raise StateError("another process holds the lock of the key folder", "try again in a minute") from None


def _make(folder: str) -> bytes:
    """The private half is on the disk before the public one exists, so no file is ever sealed for a key half made."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    try:
        key = X25519PrivateKey.from_private_bytes(_private(folder))
    except FileNotFoundError:
        key = X25519PrivateKey.generate()
        _write(folder, PRIVATE, _PRIVATE_MARK + key.private_bytes_raw().hex())
    public = key.public_key().public_bytes_raw()
    _write(folder, PUBLIC, _PUBLIC_MARK + public.hex())
    return public


def _write(folder: str, name: str, text: str) -> None:
    temporary = os.path.join(folder, f".{name}.tmp")
    if os.path.lexists(temporary):  # of one that died; the lock is ours
        os.unlink(temporary)
    with files.create(temporary) as file:
        file.write(f"{text}\n".encode())
        files.sync(file)
    os.replace(temporary, os.path.join(folder, name))
    files.sync_dir(folder)
