"""Opens what is sealed of a snapshot, and says what of it is not as it was sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memguard.core.errors import EnvelopeError
from memguard.state import envelope, files
from memguard.state.about import ABOUT, FORMAT, FORMATS, MANIFEST, plain_files
from memguard.state.files import FileError
from memguard.state.keys import KeyLostError
from memguard.state.rebuild import check_row
from memguard.state.segment import session_folder
from memguard.state.snapshot import RecordVersionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memguard.state.envelope import KeySource
    from memguard.state.segment import SegmentPart
    from memguard.state.snapshot import Snapshot, TranscriptPart
    from memguard.state.store import Store

_LONGEST_PLAIN = 16777216
_LONGEST_FORM = 4


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one file, in one line."""

    path: str
    what: str


class Verifier:
    """Verifies snapshots of one store; a segment that several need is opened once."""

    def __init__(self, store: Store, keys: KeySource) -> None:
        self._store = store
        self._keys = keys
        self._segments: dict[tuple[str, str], str] = {}

    def verify(self, snapshot_id: str) -> list[Fault]:
        """Everything that is wrong with one snapshot."""
        found = self.open(snapshot_id)
        if isinstance(found, Fault):
            return [found]
        return [*self.plain(found), *self.sealed(found, found["transcripts"])]

    def open(self, snapshot_id: str) -> Snapshot | Fault:
        """The record; or why it can't be had."""
        try:
            return self._store.read(snapshot_id, self._keys)
        except (EnvelopeError, KeyLostError, RecordVersionError, FileError) as error:
            return Fault(self._store.path(snapshot_id, MANIFEST), error.what)

    def plain(self, snapshot: Snapshot) -> list[Fault]:
        """What is wrong with the plain files: they are made of the record, so each byte of them is known."""
        form = self._store.about(snapshot["id"]).get("format", FORMAT)
        if _is_newer(form):
            what = f"a newer memguard has written it, in form {form}; this one reads {FORMAT}"
            return [Fault(self._store.path(snapshot["id"], ABOUT), what)]
        manifest_bytes = files.size_bytes(self._store.path(snapshot["id"], MANIFEST))
        content = plain_files(snapshot, manifest_bytes, form if form in FORMATS else FORMAT)
        paths = {self._store.path(snapshot["id"], name): expected for name, expected in content.items()}
        return [Fault(path, why) for path, expected in paths.items() if (why := _differs(path, expected))]

    def sealed(self, snapshot: Snapshot, parts: Iterable[TranscriptPart]) -> list[Fault]:
        """What is wrong with the segments of these streams of a snapshot."""
        try:
            return [fault for part in parts for fault in self._part(snapshot, part)]
        except EnvelopeError as error:
            return [Fault(self._store.path(snapshot["id"], MANIFEST), error.what)]

    def _part(self, snapshot: Snapshot, part: TranscriptPart) -> Iterator[Fault]:
        """Raises EnvelopeError where the record names what can't be."""
        session = session_folder(snapshot["session_id"])
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


def _is_newer(form: str) -> bool:
    return len(form) <= _LONGEST_FORM and form.isascii() and form.isdecimal() and int(form) > int(FORMAT)


def _differs(path: str, expected: bytes) -> str:
    try:
        return (
            "" if files.read_small(path, _LONGEST_PLAIN) == expected else "it does not say what the sealed record says"
        )
    except OSError as error:
        return f"it can't be read: {error.strerror}"
    except ValueError:
        return "it is longer than it can be"
