"""A snapshot as one file, to take elsewhere: a plain tar archive of files that are sealed for whoever is to open it.

    record.sealed          the record, as a manifest holds it
    <stream>.sealed        one of each stream: `main`, `agent-…`

Each is sealed in the context `memguard export/<file name>`, and the record names the commitment of each stream's
file, so no file of one archive opens in another. What the archive shows without the key: how many streams there are,
their names and sealed sizes.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, BinaryIO, TypedDict, cast

from memguard.core.errors import EnvelopeError, StateError
from memguard.state import envelope, files
from memguard.state.rebuild import rebuild
from memguard.state.shape import ARCHIVED_STREAMS, fits
from memguard.state.snapshot import Snapshot, checked, parsed, without_segments
from memguard.state.tar_members import Part, members

if TYPE_CHECKING:
    from memguard.state.store import Store

FORMAT = 1
RECORD = "record.sealed"
SUFFIX = ".sealed"
_CONTEXT = "memguard export"
# Some 100 KB as a rule; 2000 sub-agents are 2 MB. Hostile JSON takes 27 times its length in memory.
LONGEST_RECORD_BYTES = 4194304
# All streams together: above what any client can read again, and each fits a tar header of the plain kind.
LONGEST_CONVERSATION_BYTES = 8 * 1073741824
_NEXT = "export it again where it was made"


class ArchiveVersionError(StateError):
    """The archive is of a version that this memguard doesn't read."""


class _Piece(TypedDict):
    """One stream of an archive: what tells its file from others, and how long it is when opened."""

    commitment: str
    plain_bytes: int


class Archived(TypedDict):
    """What `record.sealed` holds. The snapshot's transcripts name no segments: those are of the store it came from."""

    format: int
    snapshot: Snapshot
    streams: dict[str, _Piece]


def export(store: Store, snapshot: Snapshot, path: str, keys: envelope.KeySource, public_key: bytes) -> int:
    """Write a snapshot to a new file of mode 0600, sealed for `public_key`; its length in bytes. An error leaves none.

    Nothing of it is ever on the disk unsealed. Raises StateError where something is at `path` already.
    """
    if os.path.lexists(path):
        raise StateError(f"{files.shown(path)} is there already", "name another file, or move that one away")
    partial, piece = f"{path}.{os.getpid()}.part", f"{path}.{os.getpid()}.piece"
    try:
        with files.told(path), files.create(partial) as sink:
            _write(_Writing(store, snapshot, keys, public_key), sink, piece)
            files.sync(sink)
            length = os.fstat(sink.fileno()).st_size
            files.rename(partial, path)
            files.sync_dir(os.path.dirname(os.path.abspath(path)))
    finally:
        for left in (partial, piece):
            if os.path.lexists(left):
                files.remove(left)
    return length


class _Writing:
    """What is exported, for whom."""

    def __init__(self, store: Store, snapshot: Snapshot, keys: envelope.KeySource, public_key: bytes) -> None:
        self.store = store
        self.snapshot = snapshot
        self.keys = keys
        self.public_key = public_key

    def sealer(self, sink: BinaryIO, name: str) -> envelope.Sealer:
        return envelope.Sealer(sink, self.public_key, _context(name))


def _write(writing: _Writing, sink: BinaryIO, piece: str) -> None:
    """Each stream is sealed into a file beside it first: a tar archive says how long a member is before it begins."""
    streams: dict[str, _Piece] = {}
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for part in writing.snapshot["transcripts"]:
            if part["is_sealed"]:
                streams[part["name"]] = _write_stream(writing, tar, part["name"], piece)
        archived: Archived = {
            "format": FORMAT,
            "snapshot": {
                **without_segments(writing.snapshot),
                "process": writing.snapshot["process"],
            },
            "streams": streams,
        }
        _write_record(writing, tar, archived)


def _write_record(writing: _Writing, tar: tarfile.TarFile, archived: Archived) -> None:
    """StateError where nobody could take it in."""
    content = json.dumps(archived, separators=(",", ":")).encode()
    lengths = (piece["plain_bytes"] for piece in archived["streams"].values())
    if len(content) > LONGEST_RECORD_BYTES or sum(lengths) > LONGEST_CONVERSATION_BYTES:
        raise StateError("the snapshot is too large for an archive", "`memguard restore --transcript` gives it back")
    record = io.BytesIO()
    sealer = writing.sealer(record, RECORD)
    sealer.write(content)
    sealer.finish()
    _add(tar, RECORD, record, len(record.getvalue()))


def _write_stream(writing: _Writing, tar: tarfile.TarFile, stream: str, piece: str) -> _Piece:
    name = stream + SUFFIX
    with files.create(piece) as sink:
        sealer = writing.sealer(sink, name)
        rebuild(writing.store, writing.snapshot, stream, sealer, writing.keys)
        receipt = sealer.finish()
    with files.open_read(piece) as source:
        envelope.check(source, receipt)
        source.seek(0)
        _add(tar, name, source, receipt.sealed_bytes)
    files.remove(piece)
    return {"commitment": receipt.commitment, "plain_bytes": receipt.plain_bytes}


def _add(tar: tarfile.TarFile, name: str, source: BinaryIO, length: int) -> None:
    """No user, group or time: they say more of the machine than who opens it needs."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = length, 0o600
    source.seek(0)
    tar.addfile(member, source)


def _context(name: str) -> bytes:
    return f"{_CONTEXT}/{name}".encode()


class Archive:
    """An archive that is open for reading. Raises EnvelopeError for anything that `export` does not write."""

    def __init__(self, source: BinaryIO, keys: envelope.KeySource) -> None:
        self._source = source
        self._keys = keys
        self._members = members(source)
        self.record = self._record()

    @property
    def streams(self) -> list[str]:
        """The names of the streams that it holds, in the record's order."""
        return list(self.record["streams"])

    def open_stream(self, stream: str, sink: envelope.Sink) -> int:
        """Open one stream into `sink`, which never gets more than the record says; its length in bytes."""
        piece = self.record["streams"][stream]
        length = self._open(stream + SUFFIX, _UpTo(sink, piece["plain_bytes"]), piece["commitment"])
        if length != piece["plain_bytes"]:
            raise _other_length()
        return length

    def _record(self) -> Archived:
        content = envelope.Bounded(LONGEST_RECORD_BYTES)
        self._open(RECORD, content, "")
        try:
            found = parsed(content.content())
        except (ValueError, RecursionError):
            raise _no_record() from None
        version = found.get("format") if isinstance(found, dict) else None
        if type(version) is int and version != FORMAT:
            raise ArchiveVersionError(
                f"the archive is of version {version!r:.20}, this memguard reads {FORMAT}", "install a newer memguard"
            )
        if not isinstance(found, dict) or type(version) is not int or not _is_sound(found):
            raise _no_record()
        if self._members.keys() != {RECORD, *(stream + SUFFIX for stream in found["streams"])}:
            raise EnvelopeError("the archive does not hold what its record says", _NEXT)
        return cast("Archived", found)

    def _open(self, name: str, sink: envelope.Sink, commitment: str) -> int:
        if name not in self._members:
            raise EnvelopeError(f"the archive holds no {name}", _NEXT)
        part = cast("BinaryIO", Part(self._source, self._members[name]))
        return envelope.open_sealed(part, sink, self._keys, _context(name), commitment)


def _is_sound(found: dict[str, object]) -> bool:
    """Whether the record has what `export` writes. RecordVersionError for a snapshot of another version."""
    streams = found.get("streams")
    try:
        names = {part["name"] for part in checked(found.get("snapshot"))["transcripts"]}
    except EnvelopeError:  # it speaks of a manifest of this store
        return False
    if not fits(streams, ARCHIVED_STREAMS):
        return False
    pieces = cast("dict[str, _Piece]", streams)
    lengths = [piece["plain_bytes"] for piece in pieces.values()]
    return names >= pieces.keys() and min(lengths, default=0) >= 0 and sum(lengths) <= LONGEST_CONVERSATION_BYTES


class _UpTo:
    """A sink that takes no more than it was told: a kilobyte can hold gigabytes."""

    def __init__(self, sink: envelope.Sink, most_bytes: int) -> None:
        self._sink = sink
        self._left = most_bytes

    def write(self, data: bytes, /) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise _other_length()
        self._sink.write(data)


def _other_length() -> EnvelopeError:
    return EnvelopeError("a stream of the archive is not as long as its record says", _NEXT)


def _no_record() -> EnvelopeError:
    return EnvelopeError("the archive's record is none that memguard writes", _NEXT)
