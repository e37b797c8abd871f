"""The key folder of the version before: one pair for all times, in `keys/private` and `keys/public`.

It is taken over in silence, by whoever holds the folder's lock next: a capture of that version may still run beside,
and make its pair.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memguard.state import files
from memguard.state.envelope import fingerprint
from memguard.state.keys.key_file import LONGEST_BYTES, PRIVATE, PUBLIC, KeyFile, broken
from memguard.state.keys.pair import public_of, time_utc

if TYPE_CHECKING:
    from memguard.state.keys.folder import KeyFolder

_MARKS = {PRIVATE: "memguard-private-key 1 ", PUBLIC: "memguard-public-key 1 "}
_KEY_BYTES = 32


def take_over(folder: KeyFolder) -> None:
    """Write the pair as it is written now, then remove the two old files. Under the lock.

    Killed at any point, the next one finds the old files, or both, and ends at the same.
    """
    private, public = _old(folder, PRIVATE), _old(folder, PUBLIC)
    sealed_to = public
    if private:
        own = public_of(private)
        folder.write(KeyFile(PRIVATE, own, _made(folder, PRIVATE), private=private.hex()))
        folder.write(KeyFile(PUBLIC, own, _made(folder, PRIVATE)))
        sealed_to = public or own
    if public:
        folder.write(KeyFile(PUBLIC, public, _made(folder, PUBLIC)))
    if sealed_to and not folder.current():
        folder.set_current(fingerprint(sealed_to))
    for name in _MARKS:
        files.remove(os.path.join(folder.path, name))
    files.sync_dir(folder.path)


def _made(folder: KeyFolder, name: str) -> str:
    """That version noted no time, and never wrote a key file twice."""
    return time_utc(os.lstat(os.path.join(folder.path, name)).st_mtime)


def _old(folder: KeyFolder, name: str) -> bytes | None:
    """The key in an old file; None where there is none, StateError where it is torn or others can read it."""
    path, mark = os.path.join(folder.path, name), _MARKS[name]
    try:
        text = files.read_private(path, LONGEST_BYTES).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    try:
        key = bytes.fromhex(text.removeprefix(mark)) if text.startswith(mark) else b""
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise broken(path)
    return key
