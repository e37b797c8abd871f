"""An archive whose record says another length of a stream than it has: refused, and nothing of it is kept."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError
from memguard.state import envelope
from memguard.state.archive import export
from memguard.state.importing import take_in
from memguard.state.keys import public_key
from tests.transcripts import Box

RECORD, MAIN = "record.sealed", "main.sealed"


class Forged:
    """An archive of a snapshot, made by hand: the recipient's public half is all that it takes."""

    def __init__(self, box: Box, public: bytes) -> None:
        self._public = public
        self._path = box.folder / "archive"
        export(box.store, box.newest(), str(self._path), box.keys, public_key(str(box.state)))
        with tarfile.open(self._path) as tar:
            self._members = {member.name: tar.extractfile(member) for member in tar}
            self._content = {name: self._opened(box, name) for name in self._members}

    def _opened(self, box: Box, name: str) -> bytes:
        content, member = io.BytesIO(), self._members[name]
        assert member
        envelope.open_sealed(io.BytesIO(member.read()), content, box.keys, f"memguard export/{name}".encode())
        return content.getvalue()

    def write(self, length_change: int) -> str:
        """With a main stream that is by so much longer than it is; the archive's path."""
        main, receipt = self._sealed(MAIN, self._content[MAIN])
        record = json.loads(self._content[RECORD])
        length = receipt.plain_bytes + length_change
        record["streams"]["main"] = {"commitment": receipt.commitment, "plain_bytes": length}
        with tarfile.open(self._path, "w") as tar:
            for name, data in ((MAIN, main), (RECORD, self._sealed(RECORD, json.dumps(record).encode())[0])):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return str(self._path)

    def _sealed(self, name: str, content: bytes) -> tuple[bytes, envelope.Receipt]:
        sink = io.BytesIO()
        sealer = envelope.Sealer(sink, self._public, f"memguard export/{name}".encode())
        sealer.write(content)
        receipt = sealer.finish()
        return sink.getvalue(), receipt


@pytest.fixture
def forged(tmp_path: Path, there: Box) -> Forged:
    (tmp_path / "here").mkdir()
    box = Box(tmp_path / "here")
    box.transcript.prompt("hello")
    box.take()
    return Forged(box, public_key(str(there.state)))


@pytest.fixture
def there(tmp_path: Path) -> Box:
    """Another machine."""
    (tmp_path / "there").mkdir()
    return Box(tmp_path / "there")


def test_by_hand_it_is_taken_in_where_it_says_what_is_there(there: Box, forged: Forged) -> None:
    taken = take_in(there.store, forged.write(0), there.keys, public_key(str(there.state)))
    assert b"hello" in there.told(taken["id"])


@pytest.mark.parametrize("length_change", [-1, 1, -100, 10_000_000_000])
def test_a_stream_that_is_longer_or_shorter_is_refused(there: Box, forged: Forged, length_change: int) -> None:
    with pytest.raises(EnvelopeError):
        take_in(there.store, forged.write(length_change), there.keys, public_key(str(there.state)))
    assert there.store.ids() == []
    assert not list(there.state.rglob("conversations/**/*.sealed"))
