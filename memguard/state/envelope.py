"""Sealed files: anyone with the public key can seal, only the private key opens. The form is in `docs/envelope.md`.

Compression inside, constant memory both ways.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import BinaryIO, Protocol

import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from memguard.core.errors import EnvelopeError
from memguard.state.chunks import (
    CHUNK_BYTES,
    ChunkReader,
    ChunkWriter,
    TamperedError,
    TrailingDataError,
    TruncatedError,
    tampered,
    truncated,
)

__all__ = [
    "Bounded",
    "KeySource",
    "Nowhere",
    "Receipt",
    "Sealer",
    "TamperedError",
    "TrailingDataError",
    "TruncatedError",
    "UnknownVersionError",
    "WrongKeyError",
    "check",
    "fingerprint",
    "open_sealed",
    "seal",
]

VERSION = 1
# Level 3 gives 30 % less than level 1 for 20 % more time (30 MB of transcript: 3.3 MB in 123 ms, 4.5 MB in 104 ms).
LEVEL = 3
_MAGIC = b"memguard-sealed "
_INFO = b"memguard-sealed 1\0"
_LONGEST_HEADER_BYTES = 256
_MAX_WINDOW_BYTES = 8388608


class UnknownVersionError(EnvelopeError):
    """Sealed by a memguard that writes another version of the format."""


class WrongKeyError(EnvelopeError):
    """Sealed for another key pair."""


class Sink(Protocol):
    """Where opened content goes."""

    def write(self, data: bytes, /) -> object:
        """Take the next piece."""


class KeySource(Protocol):
    """Whoever has the private keys."""

    def key_for(self, recipient: str) -> bytes:
        """The private key, 32 bytes, of the recipient that a header names; WrongKeyError where it is not there."""


class Receipt:
    """What sealing gives back: enough to check the file without the private key. It holds a secret: forget it soon."""

    __slots__ = ("_chunk_key", "_header", "commitment", "plain_bytes", "sealed_bytes")

    def __init__(self, chunk_key: bytes, header: bytes, plain_bytes: int, sealed_bytes: int) -> None:
        self._chunk_key = chunk_key
        self._header = header
        self.commitment = header.rstrip().rpartition(b" ")[2].decode()
        self.plain_bytes = plain_bytes
        self.sealed_bytes = sealed_bytes

    def forget(self) -> None:
        """Let the key go: the file can't be checked by this receipt any more."""
        self._chunk_key = b""


def fingerprint(public_key: bytes) -> str:
    """A public key's name in headers and messages: 16 hexadecimal digits."""
    return hashlib.sha256(public_key).hexdigest()[:16]


class Sealer:
    """Seals what is written to `sink`, for the owner of `public_key` (32 bytes); `finish` must be called."""

    def __init__(self, sink: BinaryIO, public_key: bytes, context: bytes = b"") -> None:
        ephemeral = X25519PrivateKey.generate()
        own = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public_key))
        self._chunk_key, commitment = _derive(shared, own, public_key, context)
        self._header = _header(fingerprint(public_key), own, commitment)
        sink.write(self._header)
        self._chunks = ChunkWriter(sink, self._chunk_key)
        self._zstd = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
        self._plain_bytes = 0

    def write(self, data: bytes) -> None:
        """Seal the next piece of content."""
        self._plain_bytes += len(data)
        self._chunks.write(self._zstd.compress(data))

    def finish(self) -> Receipt:
        """End the file; the sink is neither flushed to the disk nor closed."""
        self._chunks.write(self._zstd.flush())
        self._chunks.finish(self._plain_bytes)
        return Receipt(self._chunk_key, self._header, self._plain_bytes, len(self._header) + self._chunks.sealed_bytes)


def seal(source: BinaryIO, sink: BinaryIO, public_key: bytes, context: bytes = b"") -> Receipt:
    """Seal all of `source` into `sink`. `context` says what this is and where it belongs; opening must name it too."""
    sealer = Sealer(sink, public_key, context)
    while data := source.read(CHUNK_BYTES):
        sealer.write(data)
    return sealer.finish()


def open_sealed(source: BinaryIO, sink: Sink, keys: KeySource, context: bytes = b"", commitment: str = "") -> int:
    """Open `source` into `sink` and return the content's length in bytes.

    `commitment` is what the header is known to hold: of all files that may be in this place, the one that is meant.
    Raises one of the EnvelopeErrors; what the sink has got by then is genuine but not the whole, so whoever writes a
    file throws it away (`rebuild.rebuild_to_file` does).
    """
    header = _read_header(source)
    if commitment and not hmac.compare_digest(commitment.encode("ascii", "replace"), header.commitment.hex().encode()):
        raise tampered("it is another file than the one that was sealed here")
    chunk_key = _chunk_key(header, keys.key_for(header.recipient), context)
    return _open_chunks(source, sink, chunk_key)


def check(source: BinaryIO, receipt: Receipt) -> None:
    """Open a file that was just sealed, all of it, by the receipt: EnvelopeError where it is not what was sealed."""
    if source.read(len(receipt._header)) != receipt._header:  # noqa: SLF001  the receipt is opaque to all but here
        raise tampered("the header is not the one that was written")
    opened = _open_chunks(source, Nowhere(), receipt._chunk_key)  # noqa: SLF001
    if opened != receipt.plain_bytes:
        raise tampered("its length is not the one that was written")


class Nowhere:
    """A sink for who only wants to know whether a file opens."""

    def write(self, data: bytes, /) -> None:
        """Forget it."""


class Bounded:
    """A sink that keeps what it takes, and refuses what no honest writer has sealed: a megabyte can hold gigabytes."""

    def __init__(self, most_bytes: int) -> None:
        self._content = bytearray()
        self._most_bytes = most_bytes

    def write(self, data: bytes, /) -> None:
        """Take the next piece. TamperedError where there is more than there can be."""
        if len(self._content) + len(data) > self._most_bytes:
            raise tampered("its content is longer than it can be")
        self._content += data

    def content(self) -> bytes:
        """All of it."""
        return bytes(self._content)


class _Counted:
    """A sink that knows how much it has taken."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.taken_bytes = 0

    def write(self, data: bytes, /) -> int:
        self._sink.write(data)
        self.taken_bytes += len(data)
        return len(data)


def _open_chunks(source: BinaryIO, sink: Sink, chunk_key: bytes) -> int:
    chunks, counted = ChunkReader(source, chunk_key), _Counted(sink)
    try:
        _decompress(chunks, counted)
    except zstandard.ZstdError as error:
        raise tampered(f"the content does not unpack ({error})") from None
    if chunks.finish() != counted.taken_bytes:
        raise tampered("the content is not as long as it says")
    return counted.taken_bytes


def _decompress(chunks: ChunkReader, sink: _Counted) -> None:
    """A megabyte at a time: one chunk of well-packed content may hold gigabytes."""
    reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).stream_reader(
        chunks,  # type: ignore[arg-type]  # its stub asks for all of a file where only `read` is used
        read_size=131072,
    )
    while data := reader.read(CHUNK_BYTES):
        sink.write(data)


def _derive(shared: bytes, ephemeral: bytes, public_key: bytes, context: bytes) -> tuple[bytes, bytes]:
    """The chunk key and the commitment to it."""
    both = HKDF(algorithm=SHA256(), length=64, salt=ephemeral + public_key, info=_INFO + context).derive(shared)
    return both[:32], both[32:]


def _header(recipient: str, ephemeral: bytes, commitment: bytes) -> bytes:
    return f"memguard-sealed {VERSION} {recipient} {ephemeral.hex()} {commitment.hex()}\n".encode()


class _Header:
    __slots__ = ("commitment", "ephemeral", "recipient")

    def __init__(self, recipient: str, ephemeral: bytes, commitment: bytes) -> None:
        self.recipient = recipient
        self.ephemeral = ephemeral
        self.commitment = commitment


def _read_header(source: BinaryIO) -> _Header:
    line = source.readline(_LONGEST_HEADER_BYTES)
    if not line.startswith(_MAGIC) or not line.endswith(b"\n"):
        if len(line) < _LONGEST_HEADER_BYTES and not line.endswith(b"\n") and _starts_alike(line):
            raise truncated("it ends in its header")
        raise tampered("it does not begin as sealed files do")
    fields = line[:-1].split(b" ")
    _check_version(fields[1])
    return _parse_header(line, fields)


def _starts_alike(line: bytes) -> bool:
    return line[: len(_MAGIC)] == _MAGIC[: len(line)]


def _check_version(field: bytes) -> None:
    if field == b"%d" % VERSION:
        return
    if field.isdigit() and len(field) <= 6:
        raise UnknownVersionError(
            f"the file is sealed in version {int(field)} of the format, this memguard reads {VERSION}",
            "install a newer memguard (`pip install -U claude-memguard`)",
        )
    raise tampered("its header names no version")


def _parse_header(line: bytes, fields: list[bytes]) -> _Header:
    try:
        recipient, ephemeral, commitment = (bytes.fromhex(field.decode("ascii")) for field in fields[2:])
    except ValueError:
        raise tampered("its header is not one that memguard writes") from None
    if line != _header(recipient.hex(), ephemeral, commitment) or (len(recipient), len(ephemeral)) != (8, 32):
        raise tampered("its header is not one that memguard writes")
    return _Header(recipient.hex(), ephemeral, commitment)


def _chunk_key(header: _Header, private_key: bytes, context: bytes) -> bytes:
    key = X25519PrivateKey.from_private_bytes(private_key)
    own = key.public_key().public_bytes_raw()
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(header.ephemeral))
    except ValueError:  # a point of small order, which no honest writer makes
        raise tampered("its header holds no usable key") from None
    chunk_key, commitment = _derive(shared, header.ephemeral, own, context)
    matches, is_ours = hmac.compare_digest(commitment, header.commitment), header.recipient == fingerprint(own)
    if matches and is_ours:
        return chunk_key
    if matches or is_ours:
        raise tampered("its header was changed, or the file belongs elsewhere")
    raise WrongKeyError(
        f"the file is sealed for the key {header.recipient}, yours is {fingerprint(own)}",
        "bring its key here: `memguard key export FILE` where it is, `memguard key import FILE` here",
    )
