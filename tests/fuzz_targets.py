"""What reads bytes that somebody else may have written: each target ends in a named error or in a whole result.

`tests/unit/state/test_fuzz.py` feeds them with hypothesis, `python -m tests.fuzz_with_atheris` by coverage.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Callable

from memguard.core.errors import EnvelopeError, MemguardError, StateError
from memguard.handoff.snapshot_digest import snapshot_digest
from memguard.state import envelope
from memguard.state.about import plain_files
from memguard.state.archive import RECORD, Archive
from memguard.state.conversation import read_conversation
from memguard.state.cursor import cursor_from_bytes, cursor_to_bytes
from memguard.state.keys.key_file import parse
from memguard.state.line_index import LineIndex
from memguard.state.segment_list import checksum, list_from_bytes, list_to_bytes
from memguard.state.snapshot import Snapshot, from_json, to_json, without_segments
from tests.one_key import OneKey
from tests.vectors.generate import CONTEXT, LONG, PRIVATE, Vector, public_of, vectors

KEY = OneKey(PRIVATE)


def sealed(data: bytes) -> None:
    """A file where a sealed one should be."""
    sink = io.BytesIO()
    try:
        length = envelope.open_sealed(io.BytesIO(data), sink, KEY, CONTEXT)
    except EnvelopeError:
        return
    assert length == len(sink.getvalue())


def spoilt_sealed(data: bytes) -> None:
    """A good sealed file of three chunks, changed where `data` says: pairs of a place and a byte."""
    whole = bytearray(vectors()["good-three-chunks"])
    good = bytes(whole)
    for place, value in zip(data[::3], data[2::3], strict=False):
        whole[(place * 256 + value) % len(whole)] ^= value
    sink = io.BytesIO()
    try:
        envelope.open_sealed(io.BytesIO(bytes(whole)), sink, KEY, CONTEXT)
    except EnvelopeError:
        return
    assert bytes(whole) == good
    assert sink.getvalue() == LONG


def forged_content(data: bytes) -> None:
    """Sealed by somebody who knows the public key, with anything in the place of compressed content."""
    vector = Vector(b"")
    chunk = vector.chunk(0, data or b"\0")
    last = vector.chunk(1, len(data).to_bytes(8, "big"), is_last=True)
    sealed(vector.header() + chunk + last)


def list_of_segments(data: bytes) -> None:
    """The plain list of a snapshot, with a checksum that is right, too."""
    for text in (data, data + f"checksum {checksum(data)}\n".encode()):
        try:
            found = list_from_bytes(text)
        except ValueError:
            continue
        assert list_to_bytes(found) == text


def cursor(data: bytes) -> None:
    """A cursor, with a checksum that is right, too; and the line index that it holds."""
    for text in (data, data + f"checksum {checksum(data)}\n".encode()):
        try:
            found = cursor_from_bytes(text)
        except ValueError:
            continue
        assert cursor_to_bytes(found) == text
    _line_index(data.decode("latin-1"))


def _line_index(text: str) -> None:
    try:
        index = LineIndex.from_text(text)
    except ValueError:
        return
    assert index.to_text() == text


def record(data: bytes) -> None:
    """The content of a manifest, sealed by somebody who knows the public key."""
    try:
        found = from_json(data)
    except MemguardError:
        return
    use_record(found)


def use_record(found: Snapshot) -> None:
    """What readers of a record do with it, before any file of it is looked for."""
    needs = list_from_bytes(plain_files(found, 1)["segments"]) if _are_places(found) else []
    assert len(needs) <= sum(len(part["segments"]) for part in found["transcripts"])
    to_json(without_segments(found))
    assert len(snapshot_digest(found).encode()) > 0


def _are_places(found: Snapshot) -> bool:
    """A list that leads elsewhere is refused when it is read."""
    try:
        list_from_bytes(plain_files(found, 1)["segments"])
    except ValueError:
        return False
    return True


def archive(data: bytes) -> None:
    """A file where an exported snapshot should be."""
    try:
        opened = Archive(io.BytesIO(data), KEY)
        for stream in opened.streams:
            opened.open_stream(stream, envelope.Nowhere())
    except MemguardError:
        return
    use_record(opened.record["snapshot"])


def forged_archive(data: bytes) -> None:
    """An archive that somebody sealed who knows the public key: `data` is what its record holds."""
    member, content = io.BytesIO(), io.BytesIO()
    envelope.seal(io.BytesIO(data), member, public_of(PRIVATE), f"memguard export/{RECORD}".encode())
    with tarfile.open(fileobj=content, mode="w") as tar:
        header = tarfile.TarInfo(RECORD)
        header.size = len(member.getvalue())
        member.seek(0)
        tar.addfile(header, member)
    archive(content.getvalue())


def key_file(data: bytes) -> None:
    """A file of the key folder."""
    text = data.decode("ascii", "replace")
    try:
        found = parse(text, "key file")
    except StateError:
        return
    assert found.to_text() == text


def transcript(data: bytes) -> None:
    """A transcript: whatever is in it, a conversation is told of it, and going on from any line tells the same."""
    index, begun = LineIndex(), LineIndex()
    index.feed(data)
    index.finish()
    half = data.rfind(b"\n", 0, len(data) // 2) + 1
    begun.feed(data[:half])
    going_on = LineIndex.from_text(begun.to_text())
    going_on.feed(data[half:])
    going_on.finish()
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        assert read_conversation(file.fileno(), index) == read_conversation(file.fileno(), going_on)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "sealed": sealed,
    "spoilt sealed": spoilt_sealed,
    "forged content": forged_content,
    "list of segments": list_of_segments,
    "cursor": cursor,
    "record": record,
    "archive": archive,
    "forged archive": forged_archive,
    "key file": key_file,
    "transcript": transcript,
}
