"""A conversation's file, put together again from the segments that a snapshot names."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from memguard.core.errors import StateError
from memguard.core.log import printable
from memguard.state import files
from memguard.state.chunks import tampered
from memguard.state.segment import session_folder
from memguard.state.whole_lines import WholeLines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from memguard.state.envelope import KeySource, Sink
    from memguard.state.segment import SegmentPart
    from memguard.state.snapshot import Snapshot, TranscriptPart
    from memguard.state.store import Store


class Rebuilt(NamedTuple):
    """A file that was rebuilt: its length, and how many bytes of a torn last line are not in it."""

    size_bytes: int
    torn_bytes: int


def rebuild(store: Store, snapshot: Snapshot, name: str, sink: Sink, keys: KeySource) -> int:
    """Write one stream (`main`, `agent-…`) into `sink`, as it was sealed; its length in bytes.

    Raises StateError where the snapshot has no such stream, EnvelopeError where a segment is not what was sealed. What
    the sink has got by then is genuine, but not the whole.
    """
    part = part_of(snapshot, name)
    session = session_folder(snapshot["session_id"])
    check_row(part["segments"])
    return sum(store.open_segment(session, name, segment, sink, keys) for segment in part["segments"])


def rebuild_to_file(store: Store, snapshot: Snapshot, name: str, path: str, keys: KeySource) -> Rebuilt:
    """The same into a new file of mode 0600, up to its last whole line. An error leaves none.

    Raises StateError where something is at `path` already.
    """
    with _new(path) as sink:
        lines = WholeLines(sink)
        rebuild(store, snapshot, name, lines, keys)
        return leave_out_torn(sink, lines)


def rebuild_raw_to_file(store: Store, snapshot: Snapshot, name: str, path: str, keys: KeySource) -> Rebuilt:
    """The same with all that was sealed, a torn last line included."""
    with _new(path) as sink:
        return Rebuilt(rebuild(store, snapshot, name, sink, keys), 0)


@contextlib.contextmanager
def _new(path: str) -> Iterator[BinaryIO]:
    if os.path.lexists(path):
        raise StateError(f"{files.shown(path)} is there already", "name another file, or move that one away")
    with files.told(path), files.appearing(path) as sink:
        yield sink


def leave_out_torn(sink: BinaryIO, lines: WholeLines) -> Rebuilt:
    """Cut a file that was just written behind its last whole line."""
    rebuilt = Rebuilt(lines.size_bytes - lines.torn_bytes, lines.torn_bytes)
    if rebuilt.torn_bytes:
        files.cut(sink, rebuilt.size_bytes)
    return rebuilt


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
