"""The key that captures seal to: found, or made on first use; changed by a rotation.

Every capture imports this, so what only a first use or a rotation needs is imported there.
"""

from __future__ import annotations

from memguard.core.errors import StateError
from memguard.state import files
from memguard.state.keys.folder import KeyFolder
from memguard.state.keys.key_file import PRIVATE


def public_key(state_dir: str) -> bytes:
    """The key to seal to, 32 bytes; the pair is made on first use, in a file.

    Raises KeyLostError where the private half is gone, or its file damaged: what is sealed then could never be opened.
    StateError where others can read it. Neither a keyring nor a passphrase is asked for anything.
    """
    folder = KeyFolder(state_dir)
    with files.told(folder.path):
        folder.make()
        current = "" if folder.is_of_version_before else folder.current()
        current = current or _settled(folder)
        half = folder.half(current)
        if half is None:
            raise folder.lost(current)
        folder.look_at(current)
        return half.public


def rotate(state_dir: str, place: str, passphrase: str = "") -> str:
    """Make a new pair and seal to it from now on; its fingerprint. The keys before stay.

    Killed at any point, captures seal to the old key or to the new one, and both can be opened.
    """
    folder = KeyFolder(state_dir)
    with folder.lock():
        return _begin(folder, place, passphrase)


def current_place(folder: KeyFolder) -> str:
    """Where the private half of the current key is; a file where there is none, or it is lost."""
    places = folder.places(folder.current())
    return places[0] if places else PRIVATE


def _settled(folder: KeyFolder) -> str:
    """Whoever comes second finds what the first has made."""
    with folder.lock():
        return folder.current() or _chosen(folder) or _begin(folder, PRIVATE)


def _chosen(folder: KeyFolder) -> str:
    """Of keys none of which is named current: the newest one that opens, since no new pair is made unasked."""
    found = [
        (_is_there(folder, name), half.made, name) for name in folder.fingerprints() if (half := folder.half(name))
    ]
    if not found:
        return ""
    newest = max(found)[-1]
    folder.set_current(newest)
    return newest


def _is_there(folder: KeyFolder, fingerprint: str) -> bool:
    try:
        folder.look_at(fingerprint)
    except StateError:
        return False
    return True


def _begin(folder: KeyFolder, place: str, passphrase: str = "") -> str:
    from memguard.state.keys.housing import house
    from memguard.state.keys.pair import new_pair

    pair = new_pair()
    house(folder, pair, place, passphrase)
    folder.set_current(pair.fingerprint)
    return pair.fingerprint
