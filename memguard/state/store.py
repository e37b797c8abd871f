"""A project's snapshots: `<state>/<project key>/snapshots/<id>/`, each whole or not there.

    manifest.sealed     the record, sealed
    segments            which sealed pieces of conversations it needs, plain
    about               ids, sizes, times and the reason, plain

The pieces themselves are shared by snapshots and lie below `conversations/` (see `segment.py`).
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from memguard.core.errors import EnvelopeError, StateError
from memguard.core.layout import CONVERSATIONS, SNAPSHOTS, project_dir, read_pairs
from memguard.state import envelope, files
from memguard.state.about import ABOUT, MANIFEST, SEGMENTS, manifest_context
from memguard.state.chunks import tampered
from memguard.state.draft import Draft
from memguard.state.garbage import clean
from memguard.state.lock import store_lock
from memguard.state.segment import COMMITMENT_CHARS, SUFFIX, is_hex, is_place, segment_context
from memguard.state.segment_list import LONGEST_LIST, Need, list_from_bytes
from memguard.state.snapshot import LONGEST_RECORD_BYTES, Snapshot, from_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memguard.state.segment import SegmentPart

_LATEST = "latest"
_STAMP_DIGITS, _RANDOM_CHARS = 14, 6
_LIST = "see `memguard snapshots list`"


class Store:
    """The snapshots of one project."""

    def __init__(self, state_dir: str, project_key: str) -> None:
        self.state_dir = state_dir
        self.project_key = project_key
        self.project_dir = project_dir(state_dir, project_key)
        self.folder = os.path.join(self.project_dir, SNAPSHOTS)
        self.conversations = os.path.join(self.project_dir, CONVERSATIONS)

    def ids(self) -> list[str]:
        """Every snapshot, newest first; a folder of another name is none. FileError where they can't be listed."""
        with files.told(self.folder):
            return sorted(filter(is_snapshot_id, files.names_in(self.folder)), reverse=True)

    def has(self, snapshot_id: str) -> bool:
        """Whether a snapshot is there, and was not removed since its id was found."""
        return os.path.lexists(os.path.join(self.folder, snapshot_id))

    def about(self, snapshot_id: str) -> dict[str, str]:
        """The plain facts of one snapshot; empty where they are missing or can't be read."""
        try:
            return read_pairs(self.path(snapshot_id, ABOUT))
        except OSError:
            return {}

    def path(self, snapshot_id: str, name: str) -> str:
        """Where a file of a snapshot is."""
        return os.path.join(self.folder, snapshot_id, name)

    def segment_path(self, session: str, stream: str, name: str) -> str:
        """Where a segment is. EnvelopeError for names that lead elsewhere."""
        if not is_place(session, stream, name):
            raise EnvelopeError("the snapshot names a segment that can't be", "use another snapshot")
        return os.path.join(self.conversations, session, stream, name + SUFFIX)

    def needs(self, snapshot_id: str) -> list[Need]:
        """The segments that a snapshot needs. Raises OSError or ValueError where the list is missing or damaged."""
        return list_from_bytes(files.read_small(self.path(snapshot_id, SEGMENTS), LONGEST_LIST))

    def is_whole(self, snapshot_id: str) -> bool:
        """Whether every file is there at the length it was written with. Opening it says the rest."""
        manifest_bytes = self.about(snapshot_id).get("manifest_bytes", "")
        if str(files.size_bytes(self.path(snapshot_id, MANIFEST))) != manifest_bytes:
            return False
        try:
            needs = self.needs(snapshot_id)
        except (OSError, ValueError):
            return False
        return all(files.size_bytes(self.segment_path(*need.place)) == need.sealed_bytes for need in needs)

    def find(self, wanted: str) -> str:
        """The id that a person means by an id, the beginning of one, or `latest`."""
        ids = self.ids()
        if not ids:
            raise StateError("this project has no snapshot yet", "take one with `memguard snapshot`")
        if wanted == _LATEST:
            return next(filter(self.is_whole, ids), ids[0])
        found = [name for name in ids if name.startswith(wanted)]
        if len(found) != 1:
            what = f"{len(found)} snapshots begin with" if found else "no snapshot begins with"
            raise StateError(f"{what} {files.shown(wanted)[:80]!r}", _LIST)
        return found[0]

    def read(self, snapshot_id: str, keys: envelope.KeySource) -> Snapshot:
        """Open a snapshot's record. Raises EnvelopeError where it is not what was sealed, here."""
        content, path = envelope.Bounded(LONGEST_RECORD_BYTES), self.path(snapshot_id, MANIFEST)
        with files.told(path), files.open_read(path) as source:
            envelope.open_sealed(source, content, keys, manifest_context(self.project_key, snapshot_id))
        snapshot = from_json(content.content())
        if (snapshot["id"], snapshot["project_key"]) != (snapshot_id, self.project_key):
            raise tampered("the record is of another snapshot")
        return snapshot

    def open_segment(
        self, session: str, stream: str, part: SegmentPart, sink: envelope.Sink, keys: envelope.KeySource
    ) -> int:
        """Open one segment that a record names into `sink`; its length in bytes. EnvelopeError where it is another."""
        path = self.segment_path(session, stream, part["name"])
        if not is_hex(part["commitment"], COMMITMENT_CHARS):
            raise tampered("the snapshot does not say which segment it means")
        context = segment_context(self.project_key, session, stream, part["name"])
        with files.told(path), files.open_read(path) as source:
            length = envelope.open_sealed(source, sink, keys, context, part["commitment"])
        if length != part["plain_bytes"]:
            raise tampered("the segment is not as long as the snapshot says")
        return length

    @contextlib.contextmanager
    def draft(self, public_key: bytes, session_id: str, timeout_s: float = 30.0) -> Iterator[Draft]:
        """A new snapshot, under the lock. What isn't committed at the end is gone."""
        with files.told(self.folder):
            files.private_dirs(self.folder)
            with store_lock(self.project_dir, timeout_s):
                clean(self)
                draft = Draft(self, public_key, session_id)
                try:
                    yield draft
                finally:
                    draft.abandon()


def is_snapshot_id(name: str) -> bool:
    """Whether `name` has the form that `new_id` gives: digits for the date and the time, then six hexadecimal ones."""
    date, time, random = name[:8], name[9:15], name[17:]
    parts = (name[8:9], name[15:17], len(date + time))
    is_number = (date + time).isascii() and (date + time).isdecimal()
    return parts == ("T", "Z-", _STAMP_DIGITS) and is_number and is_hex(random, _RANDOM_CHARS)


def size_bytes(store: Store, snapshot_id: str) -> int:
    """What a snapshot and the segments that it needs take on the disk, in bytes; others may need the same ones."""
    try:
        segments = sum(need.sealed_bytes for need in store.needs(snapshot_id))
    except (OSError, ValueError):
        segments = 0
    return own_bytes(store, snapshot_id) + segments


def own_bytes(store: Store, snapshot_id: str) -> int:
    """What is a snapshot's alone on the disk, but for a torn last line, in bytes."""
    return sum(max(0, files.size_bytes(store.path(snapshot_id, name))) for name in (MANIFEST, SEGMENTS, ABOUT))
