"""Segments: the sealed pieces of a conversation that its snapshots share. What is known of one, and where it lies.

<state>/<project key>/conversations/<session>/<stream>/<name>.sealed
"""

from __future__ import annotations

import os
from typing import NamedTuple, TypedDict

from memguard.core.layout import is_plain_id

SUFFIX = ".sealed"
# A segment ends at the first line end after so much of the source: 100 MB are 24 files, each soon read again.
SEGMENT_BYTES = 4194304
# A last segment below this is sealed anew together with what follows, so that a conversation of many short turns does
# not become one file a turn; it is also as much as a capture ever reads and seals a second time.
SHORT_BYTES = 262144
NAME_CHARS = 16
COMMITMENT_CHARS = 64
# Where no session has begun yet, and there is a transcript all the same.
NO_SESSION = "none"
_HEX = frozenset("0123456789abcdef")


class SegmentPart(TypedDict):
    """A segment as a snapshot names it: bytes `start` to `end` of the source, and what tells its file from others."""

    name: str
    start: int
    end: int
    plain_bytes: int
    sealed_bytes: int
    commitment: str


class Segment(NamedTuple):
    """A segment as a capture knows it. The digests are of the source's bytes, and of the sealed file."""

    name: str
    start: int
    end: int
    plain_bytes: int
    sealed_bytes: int
    redactions: int
    commitment: str
    source_digest: str
    sealed_digest: str

    @property
    def is_short(self) -> bool:
        """Whether it is to be sealed anew with what follows."""
        return self.end - self.start < SHORT_BYTES

    def part(self) -> SegmentPart:
        """As a snapshot names it."""
        return {
            "name": self.name,
            "start": self.start,
            "end": self.end,
            "plain_bytes": self.plain_bytes,
            "sealed_bytes": self.sealed_bytes,
            "commitment": self.commitment,
        }


def new_name() -> str:
    """A name that no other segment has."""
    return os.urandom(NAME_CHARS // 2).hex()


def is_hex(text: str, chars: int) -> bool:
    """Whether `text` is so many hexadecimal digits, in lower case."""
    return len(text) == chars and _HEX.issuperset(text)


def is_segment_name(name: str) -> bool:
    """Whether `name` is one that `new_name` makes."""
    return is_hex(name, NAME_CHARS)


def is_place(session: str, stream: str, name: str) -> bool:
    """Whether the three lead to a file below the conversations, and nowhere else."""
    return is_plain_id(session) and is_plain_id(stream) and is_segment_name(name)


def session_folder(session_id: str) -> str:
    """What the folder of a session's streams is called."""
    return session_id or NO_SESSION


def segment_context(project_key: str, session: str, stream: str, name: str) -> bytes:
    """Where a segment belongs; it opens nowhere else."""
    return f"{project_key}/{session}/{stream}/{name}".encode()
