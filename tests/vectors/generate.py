"""Makes the test vectors of `docs/envelope.md`: `python -m tests.vectors.generate`.

It is a writer of its own, from the document alone, so that the vectors also check what `memguard.state.envelope` writes
against a second reading of the format. Fixed keys: the same library versions make the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import sys

import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FOLDER = os.path.dirname(os.path.abspath(__file__))
CONTEXT = b"test vectors"
PRIVATE = bytes(range(32))
STRANGER = bytes(range(1, 33))
SMALL = b'{"type":"user","message":{"role":"user","content":"carry on"}}\n'
LONG = b"".join(b"%d times seven is %d\n" % (n, n * 7) for n in range(2000))


def public_of(private: bytes) -> bytes:
    """The public half."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


class Vector:
    """One sealed file, part by part, so that each part can be spoilt."""

    def __init__(
        self, plain: bytes, *, recipient: bytes = PRIVATE, context: bytes = CONTEXT, number: int = 0, pieces: int = 1
    ) -> None:
        ephemeral = X25519PrivateKey.from_private_bytes(hashlib.sha256(b"vector %d" % number).digest())
        public, own = public_of(recipient), ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
        keys = HKDF(SHA256(), 64, own + public, b"memguard-sealed 1\0" + context).derive(shared)
        self.aead = AESGCM(keys[:32])
        self.fields = [hashlib.sha256(public).hexdigest()[:16], own.hex(), keys[32:].hex()]
        content = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(plain)
        size = -(-len(content) // pieces)
        parts = [content[start : start + size] for start in range(0, len(content), size)]
        self.chunks = [self.chunk(n, part) for n, part in enumerate(parts)]
        self.last = self.chunk(len(parts), len(plain).to_bytes(8, "big"), is_last=True)

    def chunk(self, number: int, data: bytes, *, is_last: bool = False) -> bytes:
        """One chunk with its length before it."""
        sealed = self.aead.encrypt(number.to_bytes(11, "big") + bytes([is_last]), data, None)
        return (len(sealed) + (0x80000000 if is_last else 0)).to_bytes(4, "big") + sealed

    def header(self, version: str = "1") -> bytes:
        """The header line."""
        return " ".join(["memguard-sealed", version, *self.fields]).encode() + b"\n"

    def whole(self) -> bytes:
        """The file as it should be."""
        return self.header() + b"".join(self.chunks) + self.last


def flipped(data: bytes, position: int) -> bytes:
    """One bit of one byte changed."""
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def vectors() -> dict[str, bytes]:
    """Every file by its name."""
    small, long = Vector(SMALL), Vector(LONG, number=1, pieces=3)
    empty, stranger = Vector(b"", number=2), Vector(SMALL, recipient=STRANGER, number=3)
    whole, head = small.whole(), small.header()
    fields = len("memguard-sealed 1 ")
    return {
        "good-empty": empty.whole(),
        "good-small": whole,
        "good-three-chunks": long.whole(),
        "wrong-key-of-a-stranger": stranger.whole(),
        "tampered-recipient": flipped(whole, fields),
        "tampered-ephemeral": flipped(whole, fields + 17),
        "tampered-commitment": flipped(whole, len(head) - 2),
        "tampered-header-in-capitals": whole.replace(small.fields[1].encode(), small.fields[1].upper().encode()),
        "tampered-small-order-key": whole.replace(small.fields[1].encode(), b"0" * 64),
        "tampered-not-a-header": b"age-encryption.org/v1\n" + whole,
        "tampered-first-byte-of-a-chunk": flipped(whole, len(head) + 4),
        "tampered-tag": flipped(whole, len(whole) - 1),
        "tampered-impossible-length": head + b"\x00\xff\xff\xff" + whole[len(head) + 4 :],
        "tampered-last-flag-moved": head + flipped_flag(small.chunks[0]) + small.last,
        "tampered-chunks-swapped": long.header() + long.chunks[1] + long.chunks[0] + long.chunks[2] + long.last,
        "tampered-chunk-left-out": long.header() + long.chunks[0] + long.chunks[2] + long.last,
        "tampered-chunk-of-another-file": long.header() + small.chunks[0] + b"".join(long.chunks[1:]) + long.last,
        "tampered-context": Vector(SMALL, context=b"elsewhere", number=4).whole(),
        "tampered-content-length": head + small.chunks[0] + small.chunk(1, (5).to_bytes(8, "big"), is_last=True),
        "tampered-not-compressed": head + small.chunk(0, SMALL) + small.last,
        "truncated-empty-file": b"",
        "truncated-in-the-header": whole[:40],
        "truncated-after-the-header": head,
        "truncated-at-a-chunk": long.header() + long.chunks[0] + long.chunks[1],
        "truncated-in-a-chunk": whole[: len(head) + 30],
        "truncated-before-the-last-byte": whole[:-1],
        "trailing-data-of-one-byte": whole + b"\n",
        "trailing-data-of-a-second-file": whole + whole,
        "unknown-version-2": small.header("2") + whole[len(head) :],
    }


def flipped_flag(chunk: bytes) -> bytes:
    """A chunk that says it is the last."""
    return bytes([chunk[0] | 0x80]) + chunk[1:]


def main() -> int:
    """Write them all."""
    files = {f"{name}.sealed": data for name, data in vectors().items()}
    files |= {"good-empty.plain": b"", "good-small.plain": SMALL, "good-three-chunks.plain": LONG}
    files["private.hex"] = PRIVATE.hex().encode() + b"\n"
    for name, data in files.items():
        with open(os.path.join(FOLDER, name), "wb") as file:
            file.write(data)
    sys.stdout.write(f"{len(files)} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
