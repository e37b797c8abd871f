"""A conversation's file, put together again from the segments that a snapshot names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memguard.core.errors import StateError
from memguard.core.log import printable
from memguard.state import files
from memguard.state.chunks import tampered
from memguard.state.segment import session_folder

if TYPE_CHECKING:
    from memguard.state.envelope import KeySource, Sink
    from memguard.state.segment import SegmentPart
    from memguard.state.snapshot import Snapshot, TranscriptPart
    from memguard.state.store import Store


def rebuild(store: Store, snapshot: Snapshot, name: str, sink: Sink, keys: KeySource) -> int:
    """Write one stream (`main`, `agent-…`) into `sink`, as it was sealed; its length in bytes.

    Raises StateError where the snapshot has no such stream, EnvelopeError where a segment is not what was sealed. What
    the sink has got by then is genuine, but not the whole.
    """
    part = part_of(snapshot, name)
    session = session_folder(snapshot["session_id"])
    check_row(part["segments"])
    return sum(store.open_segment(session, name, segment, sink, keys) for segment in part["segments"])


def rebuild_to_file(store: Store, snapshot: Snapshot, name: str, path: str, keys: KeySource) -> int:
    """The same into a new file of mode 0600; its length in bytes. An error leaves none.

    Raises StateError where something is at `path` already.
    """
    if os.path.lexists(path):
        raise StateError(f"{files.shown(path)} is there already", "name another file, or move that one away")
    with files.told(path), files.appearing(path) as sink:
        return rebuild(store, snapshot, name, sink, keys)


def part_of(snapshot: Snapshot, name: str) -> TranscriptPart:
    """One stream of a snapshot. StateError where it has none of that name, or could not read it."""
    found = next((part for part in snapshot["transcripts"] if part["name"] == name), None)
    if found is None or not found["is_sealed"]:
        raise StateError(
            f"the snapshot {snapshot['id']} holds no transcript {printable(name, 70)!r}",
            f"see `memguard snapshots show {snapshot['id']}`",
        )
    return found


def check_row(segments: list[SegmentPart]) -> None:
    """Raise TamperedError where they don't follow one another from the first byte on."""
    end = 0
    for segment in segments:
        if segment["start"] != end or segment["end"] <= end:
            raise tampered("its segments do not follow one another")
        end = segment["end"]
