"""A reader who has one key, whatever a header names: vectors and forgeries are opened with it."""

from __future__ import annotations


class OneKey:
    """A key source of one key."""

    def __init__(self, private_key: bytes) -> None:
        self._private_key = private_key

    def key_for(self, recipient: str) -> bytes:  # noqa: ARG002  the header is judged by who opens, with this key
        """The one key."""
        return self._private_key
