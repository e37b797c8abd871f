"""Sealing and opening, and every vector of `docs/envelope.md`."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from memguard.core.errors import EnvelopeError
from memguard.state import envelope
from tests.one_key import OneKey
from tests.vectors.generate import CONTEXT, PRIVATE, public_of, vectors

VECTORS = Path(__file__).parents[2] / "vectors"
KINDS = {
    "wrong-key": envelope.WrongKeyError,
    "tampered": envelope.TamperedError,
    "truncated": envelope.TruncatedError,
    "trailing-data": envelope.TrailingDataError,
    "unknown-version": envelope.UnknownVersionError,
}
NAMES = sorted(path.stem for path in VECTORS.glob("*.sealed"))


def sealed(plain: bytes, context: bytes = b"") -> bytes:
    sink = io.BytesIO()
    envelope.seal(io.BytesIO(plain), sink, public_of(PRIVATE), context)
    return sink.getvalue()


def opened(data: bytes, context: bytes = b"") -> bytes:
    sink = io.BytesIO()
    envelope.open_sealed(io.BytesIO(data), sink, OneKey(PRIVATE), context)
    return sink.getvalue()


def test_vectors_are_what_the_generator_makes_by_name() -> None:
    assert sorted(vectors()) == NAMES
    assert {name.split("-")[0] for name in NAMES} == {"good", "wrong", "tampered", "truncated", "trailing", "unknown"}


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("good")])
def test_good_vectors_open(name: str) -> None:
    data = (VECTORS / f"{name}.sealed").read_bytes()
    assert opened(data, CONTEXT) == (VECTORS / f"{name}.plain").read_bytes()


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("good")])
def test_bad_vectors_fail_as_they_are_named(name: str) -> None:
    kind = next(error for prefix, error in KINDS.items() if name.startswith(prefix))
    with pytest.raises(EnvelopeError) as caught:
        opened((VECTORS / f"{name}.sealed").read_bytes(), CONTEXT)
    assert type(caught.value) is kind
    assert caught.value.next_step


@pytest.mark.parametrize("size", [0, 1, 1048575, 1048576, 1048577, 3000000])
def test_any_length_comes_back(size: int) -> None:
    plain = (b"%08d" % size) * (size // 8 + 1)
    plain = plain[:size]
    assert opened(sealed(plain)) == plain


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=3000), st.binary(max_size=40))
def test_whatever_is_sealed_is_opened_and_hidden(plain: bytes, context: bytes) -> None:
    data = sealed(plain, context)
    assert opened(data, context) == plain
    assert len(plain) < 16 or plain not in data.partition(b"\n")[2]


def test_every_flipped_bit_is_refused() -> None:
    data = sealed(b"the quick brown fox " * 20)
    for position in range(len(data)):
        for bit in range(8):
            spoilt = bytearray(data)
            spoilt[position] ^= 1 << bit
            with pytest.raises(EnvelopeError):
                opened(bytes(spoilt))


def test_every_cut_is_a_truncation() -> None:
    data = sealed(b"the quick brown fox " * 20)
    for length in range(len(data)):
        with pytest.raises(envelope.TruncatedError):
            opened(data[:length])


def test_no_two_sealed_files_share_a_key_or_a_header() -> None:
    assert sealed(b"same")[:100] != sealed(b"same")[:100]


def test_the_receipt_checks_without_the_private_key() -> None:
    sink = io.BytesIO()
    receipt = envelope.seal(io.BytesIO(b"content"), sink, public_of(PRIVATE))
    data = sink.getvalue()
    assert receipt.sealed_bytes == len(data)
    envelope.check(io.BytesIO(data), receipt)
    for spoilt in (data[:-1], data + b"x", sealed(b"content"), data[:-3] + b"abc"):
        with pytest.raises(EnvelopeError):
            envelope.check(io.BytesIO(spoilt), receipt)


def test_another_context_does_not_open() -> None:
    with pytest.raises(envelope.TamperedError):
        opened(sealed(b"x", b"project/one/manifest"), b"project/two/manifest")


def test_the_error_for_a_wrong_key_names_both_keys() -> None:
    stranger = X25519PrivateKey.generate().public_key().public_bytes_raw()
    sink = io.BytesIO()
    envelope.seal(io.BytesIO(b"x"), sink, stranger)
    with pytest.raises(envelope.WrongKeyError) as caught:
        opened(sink.getvalue())
    assert envelope.fingerprint(stranger) in caught.value.what
    assert envelope.fingerprint(public_of(PRIVATE)) in caught.value.what
    assert "memguard key import" in caught.value.next_step


MEMORY_PROGRAM = """
import io
from memguard.state import envelope
from tests.one_key import OneKey
from tests.vectors.generate import PRIVATE, public_of

class Zeros(io.RawIOBase):
    left = 400_000_000
    def read(self, size=-1):
        size = min(size, self.left); self.left -= size
        return bytes(size)

class Nowhere:
    def write(self, data): pass

sealed = io.BytesIO()
envelope.seal(Zeros(), sealed, public_of(PRIVATE))
sealed.seek(0)
assert envelope.open_sealed(sealed, Nowhere(), OneKey(PRIVATE)) == 400_000_000
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_memory_is_constant_even_for_content_that_packs_well() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_PROGRAM], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) * 1024 < 64 * 1048576


def test_another_file_of_the_same_content_and_place_is_refused_by_its_commitment() -> None:
    sink, other = io.BytesIO(), io.BytesIO()
    receipt = envelope.seal(io.BytesIO(b"same"), sink, public_of(PRIVATE), b"place")
    envelope.seal(io.BytesIO(b"same"), other, public_of(PRIVATE), b"place")
    keys, opened_into = OneKey(PRIVATE), io.BytesIO()
    assert envelope.open_sealed(io.BytesIO(sink.getvalue()), opened_into, keys, b"place", receipt.commitment) == 4
    with pytest.raises(envelope.TamperedError, match="another file"):
        envelope.open_sealed(io.BytesIO(other.getvalue()), opened_into, keys, b"place", receipt.commitment)


def test_a_receipt_that_has_forgotten_its_key_opens_nothing() -> None:
    sink = io.BytesIO()
    receipt = envelope.seal(io.BytesIO(b"content"), sink, public_of(PRIVATE))
    receipt.forget()
    with pytest.raises(ValueError, match="key"):
        envelope.check(io.BytesIO(sink.getvalue()), receipt)
