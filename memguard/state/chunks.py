"""The chunks of a sealed file: AES-256-GCM, each with its number and a last-chunk flag in the nonce.

The form is in `docs/envelope.md`. Nothing here knows of keys for people or of compression.
"""

from __future__ import annotations

from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from memguard.core.errors import EnvelopeError

CHUNK_BYTES = 1048576
TRAILER_BYTES = 8  # the last chunk: the content's length before compression
_TAG_BYTES = 16
_LAST_FLAG = 0x80000000
_RESTORE = "use another snapshot (`memguard snapshots list`)"


class TamperedError(EnvelopeError):
    """The file is not what was sealed."""


class TruncatedError(EnvelopeError):
    """The file ends before its last chunk does."""


class TrailingDataError(EnvelopeError):
    """Something follows the last chunk."""


def tampered(detail: str) -> TamperedError:
    """The error for a file that was changed, in one wording."""
    return TamperedError(f"the sealed file was changed or damaged: {detail}", _RESTORE)


def truncated(detail: str) -> TruncatedError:
    """The error for a file that was cut, in one wording."""
    return TruncatedError(f"the sealed file is cut off: {detail}", _RESTORE)


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


class ChunkWriter:
    """Seals what is written in chunks of at most 1 MiB; `finish` seals the last one, and must be called."""

    def __init__(self, sink: BinaryIO, key: bytes) -> None:
        self._sink = sink
        self._aead = AESGCM(key)
        self._pending = bytearray()
        self._number = 0
        self.sealed_bytes = 0

    def write(self, data: bytes) -> None:
        """Take `data`; whole chunks go to the sink."""
        self._pending += data
        while len(self._pending) >= CHUNK_BYTES:
            self._seal(bytes(self._pending[:CHUNK_BYTES]))
            del self._pending[:CHUNK_BYTES]

    def finish(self, content_bytes: int) -> None:
        """Seal what is left, then the last chunk with the content's length."""
        if self._pending:
            self._seal(bytes(self._pending))
            self._pending.clear()
        self._seal(content_bytes.to_bytes(TRAILER_BYTES, "big"), is_last=True)

    def _seal(self, data: bytes, is_last: bool = False) -> None:
        sealed = self._aead.encrypt(_nonce(self._number, is_last), data, None)
        self._sink.write((len(sealed) | (_LAST_FLAG if is_last else 0)).to_bytes(4, "big"))
        self._sink.write(sealed)
        self._number += 1
        self.sealed_bytes += 4 + len(sealed)


class ChunkReader:
    """Opens chunks one by one. `read` gives the compressed content; `finish` checks the end and gives its length."""

    def __init__(self, source: BinaryIO, key: bytes) -> None:
        self._source = source
        self._aead = AESGCM(key)
        self._number = 0
        self._opened = b""
        self._position = 0
        self._trailer: bytes | None = None

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """At most `size` bytes; empty when only the last chunk is left, which has been checked by then."""
        while self._position == len(self._opened) and self._trailer is None:
            self._next()
        piece = self._opened[self._position : self._position + size]
        self._position += len(piece)
        return piece

    def finish(self) -> int:
        """The content's length in bytes, once the file is known to end where it should."""
        if self.read(1):
            raise tampered("the content goes on after its end")
        if self._source.read(1):
            raise TrailingDataError("something was appended to the sealed file", _RESTORE)
        return int.from_bytes(self._trailer or b"", "big")

    def _next(self) -> None:
        header = _read_exactly(self._source, 4, self._number)
        length, is_last = int.from_bytes(header, "big") & ~_LAST_FLAG, bool(header[0] & 0x80)
        _check_length(length, is_last, self._number)
        sealed = _read_exactly(self._source, length, self._number)
        try:
            opened = self._aead.decrypt(_nonce(self._number, is_last), sealed, None)
        except InvalidTag:
            raise tampered(f"chunk {self._number} does not match its tag") from None
        self._number += 1
        self._opened, self._position = (b"", 0) if is_last else (opened, 0)
        self._trailer = opened if is_last else None


def _check_length(length: int, is_last: bool, number: int) -> None:
    """Before anything is read: a changed length must not cost memory."""
    shortest, longest = (TRAILER_BYTES, TRAILER_BYTES) if is_last else (1, CHUNK_BYTES)
    if not shortest + _TAG_BYTES <= length <= longest + _TAG_BYTES:
        raise tampered(f"chunk {number} has an impossible length")


def _read_exactly(source: BinaryIO, size: int, number: int) -> bytes:
    data = source.read(size)
    while len(data) < size:  # a pipe gives what it has
        more = source.read(size - len(data))
        if not more:
            raise truncated(f"it ends in chunk {number}")
        data += more
    return data
