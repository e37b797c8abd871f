"""Whether a snapshot is what was sealed, all of it: record, plain files, and every segment that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memguard.core.errors import EnvelopeError, StateError
from memguard.state import envelope, files
from memguard.state.about import MANIFEST, plain_files
from memguard.state.files import FileError
from memguard.state.keys import KeyLostError
from memguard.state.rebuild import check_row
from memguard.state.segment import session_folder
from memguard.state.snapshot import RecordVersionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memguard.state.envelope import KeySource
    from memguard.state.segment import SegmentPart
    from memguard.state.snapshot import Snapshot
    from memguard.state.store import Store

_LONGEST_PLAIN = 16777216
_LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one file, in one line."""

    path: str
    what: str


def verify(store: Store, snapshot_id: str, keys: KeySource) -> list[Fault]:
    """Everything that is wrong with a snapshot; empty where it is good.

    Raises StateError where it is the key that can't be used (a passphrase, a key file that others can read).
    """
    return Verifier(store, keys).verify(snapshot_id)


def newest_good(
    store: Store, keys: KeySource, wanted: str = "latest", session: str = ""
) -> tuple[Snapshot, list[Fault]]:
    """The snapshot that is meant, or the next older one that is good; and what was wrong with those passed over.

    Of one session where `session` names it, or `wanted` does not mean the latest of all. StateError where none is good.
    """
    verifier = Verifier(store, keys)
    faults: list[Fault] = []
    for snapshot_id in _candidates(store, wanted, session):
        found = verifier.verify(snapshot_id)
        if not found:
            return store.read(snapshot_id, keys), faults
        faults += found
    raise StateError(_none_good(faults), "see `memguard snapshots verify`")


def _none_good(faults: list[Fault]) -> str:
    return (
        f"no snapshot is good: {faults[0].what} ({files.shown(faults[0].path)})" if faults else "there is no snapshot"
    )


def _candidates(store: Store, wanted: str, session: str) -> Iterator[str]:
    """From the wanted one on, newest first."""
    ids = store.ids()
    first = ids[0] if wanted == _LATEST and ids else store.find(wanted)
    of_session = session or ("" if wanted == _LATEST else store.about(first).get("session", ""))
    for snapshot_id in ids[ids.index(first) :]:
        is_meant = snapshot_id == first and not session
        if is_meant or not of_session or store.about(snapshot_id).get("session", "") == of_session:
            yield snapshot_id


class Verifier:
    """Verifies snapshots of one store; a segment that several need is opened once."""

    def __init__(self, store: Store, keys: KeySource) -> None:
        self._store = store
        self._keys = keys
        self._segments: dict[tuple[str, str], str] = {}

    def verify(self, snapshot_id: str) -> list[Fault]:
        """Everything that is wrong with one snapshot."""
        manifest = self._store.path(snapshot_id, MANIFEST)
        try:
            snapshot = self._store.read(snapshot_id, self._keys)
            return [*self._plain(snapshot), *self._parts(snapshot)]
        except (EnvelopeError, KeyLostError, RecordVersionError, FileError) as error:
            return [Fault(manifest, error.what)]

    def _plain(self, snapshot: Snapshot) -> Iterator[Fault]:
        """Both plain files are made of the record, so each byte of them is known."""
        manifest_bytes = files.size_bytes(self._store.path(snapshot["id"], MANIFEST))
        for name, content in plain_files(snapshot, manifest_bytes).items():
            path = self._store.path(snapshot["id"], name)
            try:
                if files.read_small(path, _LONGEST_PLAIN) != content:
                    yield Fault(path, "it does not say what the sealed record says")
            except OSError as error:
                yield Fault(path, f"it can't be read: {error.strerror}")
            except ValueError:
                yield Fault(path, "it is longer than it can be")

    def _parts(self, snapshot: Snapshot) -> Iterator[Fault]:
        session = session_folder(snapshot["session_id"])
        for part in snapshot["transcripts"]:
            check_row(part["segments"])
            for segment in part["segments"]:
                path = self._store.segment_path(session, part["name"], segment["name"])
                if why := self._segment(session, part["name"], segment, path):
                    yield Fault(path, why)

    def _segment(self, session: str, stream: str, segment: SegmentPart, path: str) -> str:
        """What is wrong with it; empty where it opens."""
        known = (path, segment["commitment"])
        if known not in self._segments:
            self._segments[known] = self._opened(session, stream, segment)
        return self._segments[known]

    def _opened(self, session: str, stream: str, segment: SegmentPart) -> str:
        try:
            self._store.open_segment(session, stream, segment, envelope.Nowhere(), self._keys)
        except (EnvelopeError, KeyLostError, FileError) as error:
            return error.what
        return ""
