"""Taking an archive into this machine's store: opened, and sealed again for the person's own key on the way."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from memguard.core.errors import EnvelopeError
from memguard.core.log import printable
from memguard.state import files
from memguard.state.about import SEGMENTS, needs_of, plain_files
from memguard.state.archive import Archive
from memguard.state.rebuild import check_row
from memguard.state.sealing import Sealing
from memguard.state.segment import SEGMENT_BYTES
from memguard.state.segment_list import list_from_bytes
from memguard.state.snapshot import from_json, to_json

if TYPE_CHECKING:
    from memguard.state.draft import Draft
    from memguard.state.envelope import KeySource
    from memguard.state.sealing import SegmentDraft
    from memguard.state.segment import SegmentPart
    from memguard.state.snapshot import Snapshot, TranscriptPart
    from memguard.state.store import Store

_KEY_BYTES = 32
_REASON_CHARS = 300


def take_in(store: Store, path: str, keys: KeySource, public_key: bytes) -> Snapshot:
    """Make a snapshot of the archive at `path`; what was made. An error leaves the store as it was.

    It gets an id of its own, of now: retention counts from the day that it came here. Raises FileError where the file
    can't be read, EnvelopeError where it isn't what was exported, WrongKeyError where it is for another key.
    """
    with files.told(path), files.open_read(path) as source:
        archive = Archive(source, keys)
        snapshot = archive.record["snapshot"]
        with store.draft(public_key, snapshot["session_id"]) as draft:
            snapshot = _here(snapshot, draft, _sealed(archive, draft))
            _check(snapshot)
            draft.commit(snapshot)
    return snapshot


def _sealed(archive: Archive, draft: Draft) -> dict[str, list[SegmentPart]]:
    """The segments of each stream, on the disk."""
    sealing = Sealing(draft)
    sinks = {name: _Segments(name, sealing) for name in archive.streams}
    try:
        for name, sink in sinks.items():
            archive.open_stream(name, sink)
            sink.end()
    finally:
        sealing.finish()
    return {name: [segment.segment().part() for segment in sink.made] for name, sink in sinks.items()}


def _here(snapshot: Snapshot, draft: Draft, segments: dict[str, list[SegmentPart]]) -> Snapshot:
    parts: list[TranscriptPart] = [
        {**part, "segments": segments.get(part["name"], []), "is_sealed": part["name"] in segments}
        for part in snapshot["transcripts"]
    ]
    reason = f"imported; taken as {snapshot['id']}: {snapshot['restart']['reason']}"
    return {
        **snapshot,
        "id": draft.id,
        "t_utc": round(time.time(), 3),
        "project_key": draft.project_key,
        "restart": {**snapshot["restart"], "reason": printable(reason, _REASON_CHARS)},
        "transcripts": parts,
    }


def _check(snapshot: Snapshot) -> None:
    """Whether all that `verify` asks will hold: that each sealed file opens is known by then.

    EnvelopeError where the record would be none, or its list of segments damaged from the first day: while one list is,
    nothing of the project is cleared up.
    """
    try:
        from_json(to_json(snapshot))
        for part in snapshot["transcripts"]:
            check_row(part["segments"])
        is_kept = list_from_bytes(plain_files(snapshot, 0)[SEGMENTS]) == needs_of(snapshot)
    except (EnvelopeError, ValueError):
        is_kept = False
    if not is_kept:
        raise EnvelopeError(
            "the archive's snapshot is none that can be read again", "export it again where it was made"
        )


class _Segments:
    """A sink that seals what it gets, in segments."""

    def __init__(self, stream: str, sealing: Sealing) -> None:
        self.made: list[SegmentDraft] = []
        self._stream = stream
        self._sealing = sealing
        self._key = os.urandom(_KEY_BYTES)  # of digests that no cursor will hold
        self._open: SegmentDraft | None = None

    def write(self, data: bytes, /) -> None:
        if self._open is None:
            start = self.made[-1].end if self.made else 0
            self._open = self._sealing.begin(self._stream, start, self._key)
            self.made.append(self._open)
        self._sealing.write(self._open, data)
        self._open.end += len(data)
        if self._open.end - self._open.start >= SEGMENT_BYTES:
            self.end()

    def end(self) -> None:
        """Nothing more comes, or not into this segment."""
        if self._open:
            self._sealing.end(self._open)
            self._open = None
