"""A private half in the keyring of the operating system: service `memguard`, user name the key's fingerprint.

The library `keyring` (the extra of that name) speaks to whatever keyring there is. What it raises is not only its own:
each backend is somebody else's code.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from memguard.core.errors import MemguardError, StateError
from memguard.core.log import printable
from memguard.state.keys.errors import lost
from memguard.state.keys.key_file import KEYRING, KeyFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memguard.state.keys.pair import Pair

SERVICE = "memguard"
_ELSEWHERE = "unlock it, or keep the key elsewhere: `--to passphrase`"


def housed(pair: Pair) -> KeyFile:
    """Put a private half into the keyring; the file that says so. It was read back."""
    key_file = KeyFile(KEYRING, pair.public, pair.made, backend=backend_name())
    with _told() as ring:
        ring.set_password(SERVICE, key_file.fingerprint, pair.private.hex())
    # A null backend takes everything and keeps nothing.
    if not _entry(key_file.fingerprint):
        raise StateError(f"{key_file.values['backend']} did not keep the key", "use `--to file` or `--to passphrase`")
    return key_file


def fetched(key_file: KeyFile) -> bytes:
    """The private half, 32 bytes; KeyLostError where the keyring has none, StateError where it refuses."""
    text = _entry(key_file.fingerprint)
    if text is None:
        was, now = key_file.values["backend"], backend_name()
        raise lost(key_file.fingerprint, f"{now} has no entry for it; it was put into {was}")
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""  # is judged with what opens to another key


def forget(fingerprint: str) -> None:
    """Remove the entry of a key; one that is gone is fine."""
    if _entry(fingerprint):
        with _told() as ring:
            ring.delete_password(SERVICE, fingerprint)


def backend_name() -> str:
    """What the person's keyring calls itself."""
    with _told() as ring:
        return printable(str(ring.get_keyring().name), 100).encode("ascii", "replace").decode() or "?"


def _entry(fingerprint: str) -> str | None:
    with _told() as ring:
        entry: str | None = ring.get_password(SERVICE, fingerprint)
    return entry


@contextlib.contextmanager
def _told() -> Iterator[Any]:
    """The library, and whatever it raises as one line."""
    try:
        import keyring
    except ImportError:
        raise StateError("the library `keyring` is not installed", "pip install 'claude-memguard[keyring]'") from None
    try:
        yield keyring
    except MemguardError:
        raise
    except Exception as error:  # noqa: BLE001  see above
        what = printable(f"{type(error).__name__}: {error}", 200)
        raise StateError(f"the keyring refused ({what})", _ELSEWHERE) from None
