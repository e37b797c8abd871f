"""The person's keys: captures seal to a public half, only opening a snapshot needs the private one."""

from memguard.state.keys.current import public_key
from memguard.state.keys.errors import KeyLostError, WrongPassphraseError
from memguard.state.keys.folder import KeyFolder
from memguard.state.keys.private_keys import Ask, PrivateKeys

__all__ = ["KeyLostError", "PrivateKeys", "WrongPassphraseError", "private_keys", "public_key"]


def private_keys(state_dir: str, ask: Ask | None = None) -> PrivateKeys:
    """The private halves of this person, each fetched when it is needed. `ask` asks for a passphrase, by a prompt."""
    return PrivateKeys(KeyFolder(state_dir), ask)
