"""Segments on their way to the disk: compressed and sealed in one thread, synced and opened again in another.

Reading, redacting and indexing go on meanwhile, in the thread that hands the content over.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, BinaryIO, cast

from memguard.state import envelope, files
from memguard.state.conveyor import Conveyor
from memguard.state.segment import SUFFIX, Segment, new_name, segment_context
from memguard.state.source import keyed_digest

if TYPE_CHECKING:
    from memguard.state.draft import Draft

_Piece = tuple["SegmentDraft", "bytes | None"]  # None: it ends here

_MOST_BLOCKS = 3  # pieces of 1 MiB, between reading and sealing
_MOST_UNCHECKED = 2  # segments; each holds one open file


class SegmentDraft:
    """A segment that is being made; `segment` is right once the sealing that it belongs to has finished.

    `digest` is that of the source's bytes, under the key of its stream.
    """

    __slots__ = ("_sealer", "_sink", "context", "digest", "end", "name", "path", "receipt", "redactions",
                 "sealed_digest", "start")  # fmt: skip

    def __init__(self, folder: str, context: bytes, name: str, start: int, key: bytes) -> None:
        self.name = name
        self.path = os.path.join(folder, name + SUFFIX)
        self.context = context
        self.start = self.end = start
        self.redactions = 0
        self.digest = keyed_digest(key)
        self.sealed_digest = ""
        self.receipt: envelope.Receipt | None = None
        self._sink: BinaryIO | None = None
        self._sealer: envelope.Sealer | None = None

    def write(self, data: bytes, public_key: bytes) -> None:
        """Seal the next piece."""
        if self._sealer is None:
            self._sink = files.create(self.path)
            self._sealer = envelope.Sealer(self._sink, public_key, self.context)
        self._sealer.write(data)

    def finish(self, public_key: bytes) -> None:
        """End the sealed file."""
        self.write(b"", public_key)
        if self._sealer:
            self.receipt, self._sealer = self._sealer.finish(), None

    def check(self) -> None:
        """Bring it to the disk, and open all of it again. Its key is forgotten afterwards."""
        if not self._sink or not self.receipt:
            return
        with self._sink:
            files.sync(self._sink)
        with files.open_read(self.path) as source:
            hashed = _Hashed(source)
            envelope.check(cast("BinaryIO", hashed), self.receipt)
        self.sealed_digest = hashed.digest.hexdigest()
        self.receipt.forget()

    def segment(self) -> Segment:
        """What is known of it now."""
        receipt = self.receipt
        sizes = (receipt.plain_bytes, receipt.sealed_bytes) if receipt else (0, 0)
        commitment = receipt.commitment if receipt else ""
        digests = (self.digest.hexdigest(), self.sealed_digest)
        return Segment(self.name, self.start, self.end, *sizes, self.redactions, commitment, *digests)


class _Hashed:
    """A file that is read and digested at once."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data


class Sealing:
    """All segments of one capture."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._blocks: Conveyor[_Piece] = Conveyor(self._seal, _MOST_BLOCKS)
        self._unchecked: Conveyor[SegmentDraft] = Conveyor(SegmentDraft.check, _MOST_UNCHECKED)

    def begin(self, stream: str, start: int, key: bytes) -> SegmentDraft:
        """A new segment of a stream, from this byte of its source on; `key` is that of the stream's digests."""
        name, draft = new_name(), self._draft
        context = segment_context(draft.project_key, draft.session, stream, name)
        segment = SegmentDraft(draft.stream_folder(stream), context, name, start, key)
        draft.add_segment(segment.path)
        return segment

    def write(self, segment: SegmentDraft, content: bytes) -> None:
        """Seal a piece of it, soon."""
        if content:
            self._blocks.put((segment, content))

    def end(self, segment: SegmentDraft) -> None:
        """Nothing more belongs to it: seal its end, and check it, soon."""
        self._blocks.put((segment, None))

    def finish(self) -> None:
        """Wait until every segment is on the disk and checked; the first error of all of them is raised."""
        try:
            self._blocks.finish()
        finally:
            self._unchecked.finish()

    def _seal(self, piece: _Piece) -> None:
        segment, content = piece
        if content is not None:
            segment.write(content, self._draft.public_key)
            return
        segment.finish(self._draft.public_key)
        self._unchecked.put(segment)
