"""The plain file `segments` of a snapshot: which segments it needs, so that none of them is removed.

One line each, `<session>/<stream>/<name> <sealed bytes>`, and a last line with a checksum over those before: no private
key is there when captures clear up, so what a damaged list leaves out could not be known.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from memguard.state.segment import is_place

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_LIST = 16777216
_CHECKSUM = "checksum "
_CHECKSUM_CHARS = 32
_LARGEST_BYTES = 2**53


class Need(NamedTuple):
    """One segment: where it lies, and how long its sealed file is."""

    session: str
    stream: str
    name: str
    sealed_bytes: int

    @property
    def place(self) -> tuple[str, str, str]:
        """What tells it from any other of the project."""
        return self[:3]


def list_to_bytes(needs: Iterable[Need]) -> bytes:
    """The file's content."""
    lines = "".join(f"{need.session}/{need.stream}/{need.name} {need.sealed_bytes}\n" for need in needs).encode()
    return lines + _checksum(lines)


def list_from_bytes(data: bytes) -> list[Need]:
    """What `list_to_bytes` wrote; ValueError for anything else."""
    lines = data[: data.rfind(b"\n", 0, -1) + 1]
    if data != lines + _checksum(lines):
        raise ValueError("the checksum is another")
    return [_need(line) for line in lines.decode("ascii").splitlines()]


def checksum(data: bytes) -> str:
    """Tells damage, not malice."""
    return hashlib.sha256(data).hexdigest()[:_CHECKSUM_CHARS]


def _checksum(lines: bytes) -> bytes:
    return f"{_CHECKSUM}{checksum(lines)}\n".encode()


def _need(line: str) -> Need:
    place, _, size = line.partition(" ")
    session, stream, name = place.split("/")
    if not is_place(session, stream, name) or not size.isdecimal() or int(size) > _LARGEST_BYTES:
        raise ValueError("not a line of a list of segments")
    return Need(session, stream, name, int(size))
