"""Where the members of a tar archive lie in its file; the archive may be of anybody's making.

Read header by header: Python's own reader follows links and holes, and takes headers of any length into memory. What
memguard writes are plain files with short names, and nothing else.
"""

from __future__ import annotations

import tarfile
from typing import BinaryIO, NamedTuple

from memguard.core.errors import EnvelopeError

# The record, the main stream, and as many sub-agents as a capture takes.
MOST_MEMBERS = 2002
_BLOCK_BYTES = tarfile.BLOCKSIZE
_END = bytes(_BLOCK_BYTES)
_NEXT = "export it again where it was made"


class Member(NamedTuple):
    """Where one lies, in bytes from the beginning of the file."""

    start: int
    length: int


class Part:
    """One member, to be read from its beginning; nobody else may read the file meanwhile."""

    def __init__(self, source: BinaryIO, member: Member) -> None:
        self._source = source
        self._left = member.length
        source.seek(member.start)

    def read(self, size: int) -> bytes:
        """At most so many bytes; empty at the member's end."""
        data = self._source.read(min(size, self._left))
        self._left -= len(data)
        return data

    def readline(self, size: int) -> bytes:
        """A line, or as much of it as `size` and the member hold."""
        data = self._source.readline(min(size, self._left))
        self._left -= len(data)
        return data


def members(source: BinaryIO) -> dict[str, Member]:
    """Each by its name, in one pass. EnvelopeError for what is no whole archive of distinct plain files."""
    found, start = dict[str, Member](), 0
    while (header := _header(source, start)) != _END:
        name, length = _parsed(header)
        if name in found or len(found) == MOST_MEMBERS:
            raise _not_ours()
        found[name] = Member(start + _BLOCK_BYTES, length)
        start += _BLOCK_BYTES + -(-length // _BLOCK_BYTES) * _BLOCK_BYTES  # beyond the file there is no next header
    return found


def _header(source: BinaryIO, start: int) -> bytes:
    source.seek(start)
    header = source.read(_BLOCK_BYTES)
    if len(header) < _BLOCK_BYTES:
        raise _not_whole()
    return header


def _parsed(header: bytes) -> tuple[str, int]:
    try:
        member = tarfile.TarInfo.frombuf(header, "ascii", "strict")
    except (tarfile.TarError, ValueError):
        raise _not_ours() from None
    if member.type != tarfile.REGTYPE or member.size < 0:
        raise _not_ours()
    return member.name, member.size


def _not_ours() -> EnvelopeError:
    return EnvelopeError("the file is no archive that memguard has written", _NEXT)


def _not_whole() -> EnvelopeError:
    return EnvelopeError("the file is no whole archive of memguard's", _NEXT)
