"""One stream of a session on its way into a snapshot: what was sealed before is named, what is new is sealed.

A stream is one append-only file of the client's. What of it was sealed before counts only while the file is still what
it was; `begun` says why a capture had to begin at its first byte.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memguard.state.about import NOT_ALL
from memguard.state.compiled import EXACT
from memguard.state.cursor import KEY_BYTES, Cursor, save_cursor
from memguard.state.redact import Redactor, redact_text
from memguard.state.reuse import DAMAGED_CURSOR, HEAD_BYTES, next_turn, still_left, usable_cursor
from memguard.state.segment import SEGMENT_BYTES, Segment
from memguard.state.source import AGENT, MAIN, Source
from memguard.state.transcript import LineIndex

if TYPE_CHECKING:
    from memguard.state.cursor import Terms
    from memguard.state.sealing import Sealing, SegmentDraft
    from memguard.state.snapshot import TranscriptPart


class Stream:
    """Captures one source; `part` says the rest once the sealing has finished. `index` is of the main stream only."""

    def __init__(self, source: Source, folder: str, terms: Terms, has_index: bool) -> None:
        self.name, self.path = source.name, source.path
        self.missing = ""
        self.meta = source.meta() if terms.privacy == EXACT else redact_text(source.meta())
        self.index: LineIndex | None = None
        self._folder = folder
        self._terms = terms
        self._seen = source.seen
        self._cursor, self.begun = usable_cursor(source, folder, terms)
        if has_index:
            self._take_index()
        self._key = self._cursor.key if self._cursor else os.urandom(KEY_BYTES)
        self._kept: list[Segment] = list(self._cursor.segments) if self._cursor else []
        self._made: list[SegmentDraft] = []
        self._whole = 0  # how many of those end with a line; what follows is of this snapshot alone
        self._index_text = self._cursor.index_state if self._cursor else ""
        self._indexed = self.index.offset if self.index else 0
        self._head = ""

    def _take_index(self) -> None:
        """The index goes on where the segments end, or both begin afresh."""
        self.index = LineIndex()
        if self._cursor is None:
            return
        try:
            found = LineIndex.from_text(self._cursor.index_state)
        except ValueError:
            found = self.index
        if found.offset == self._cursor.end:
            self.index = found
        else:
            self._cursor, self.begun = None, DAMAGED_CURSOR

    def capture(self, source: Source, sealing: Sealing) -> None:
        """Hand what is new to the sealing: whole lines, then what follows the last line end."""
        start = self._kept[-1].end if self._kept else 0
        try:
            end = source.last_line_end(start)
            self._head = source.digest(0, min(HEAD_BYTES, end), self._key)
        except OSError as error:
            self._not_all(start, error.strerror)
            return
        if end > start and self._kept and self._kept[-1].is_short:
            start = self._kept.pop().start
        while start < end and not self.missing:
            start = self._segment(source, sealing, start, end)
        self._whole = len(self._made)
        if self.index:
            self._index_text = self.index.to_text()
        if end < source.size_bytes and not self.missing:
            self._segment(source, sealing, end, source.size_bytes)

    def _segment(self, source: Source, sealing: Sealing, start: int, stop: int) -> int:
        """One segment from `start` on, to the first line end after 4 MiB, and not beyond `stop`; where it ends."""
        block = self._read(source, start, stop)
        if not block:
            return start
        segment, content = sealing.begin(self.name, start, self._key), _Content(self._terms)
        self._made.append(segment)
        while block:
            block, is_last = _cut(block, segment.end - start)
            segment.digest.update(block)
            self._index(block, segment.end)
            sealing.write(segment, content.take(block))
            segment.end += len(block)
            block = b"" if is_last or segment.end >= stop else self._read(source, segment.end, stop)
        sealing.write(segment, content.rest())
        segment.redactions = content.redactions
        self._terms = self._terms._replace(rules=content.rules_id(self._terms.rules))
        sealing.end(segment)
        return segment.end

    def _read(self, source: Source, start: int, stop: int) -> bytes:
        """The next block; empty with a word in `missing` where there is none."""
        try:
            block = source.read(start, stop)
        except OSError as error:
            self._not_all(start, error.strerror)
            return b""
        if not block:
            self._not_all(start, "the file became shorter")
        return block

    def _not_all(self, start: int, why: str | None) -> None:
        what = NOT_ALL if self.name == MAIN else f"the sub-agent {self.name.removeprefix(AGENT)} from byte"
        self.missing = f"{what} {start} on: {why}"

    def _index(self, block: bytes, start: int) -> None:
        """What the index hasn't seen: a last segment that was short is read twice."""
        if self.index and start + len(block) > self._indexed:
            self.index.feed(block[max(0, self._indexed - start) :])
            self._indexed = start + len(block)

    def part(self) -> TranscriptPart:
        """As the snapshot names it."""
        segments = [*self._kept, *(segment.segment() for segment in self._made)]
        return {
            "name": self.name,
            "path": self.path,
            "size_bytes": segments[-1].end if segments else 0,
            "redactions": sum(segment.redactions for segment in segments),
            "is_sealed": True,
            "begun": self.begun,
            "meta": self.meta,
            "segments": [segment.part() for segment in segments],
        }

    def save(self) -> None:
        """Keep for the next capture what this one knows. The snapshot is complete without it.

        Where the cursor would say the same, it stays: putting a file in place of another costs ext4 some milliseconds.
        """
        segments = (*self._kept, *(segment.segment() for segment in self._made[: self._whole]))
        if not segments or self.missing:
            return
        old, turn = self._cursor, next_turn(self._cursor, len(segments))
        left = still_left(old, self._seen, len(self._kept))
        new = Cursor(self._seen, self._terms, self._key, self._head, turn, left, self._index_text, segments)
        if left or not old or new._replace(turn=old.turn) != old:
            save_cursor(self._folder, new)


class _Content:
    """What becomes of a segment's bytes."""

    def __init__(self, terms: Terms) -> None:
        self._redactor: Redactor | None = None
        if terms.privacy != EXACT:
            self._redactor = Redactor()

    @property
    def redactions(self) -> int:
        return self._redactor.found if self._redactor else 0

    def rules_id(self, expected: str) -> str:
        """What it was really redacted by: a library may fail at any block. The next capture begins afresh then."""
        return self._redactor.rules_id if self._redactor else expected

    def take(self, block: bytes) -> bytes:
        return self._redactor.feed(block) if self._redactor else block

    def rest(self) -> bytes:
        return self._redactor.finish() if self._redactor else b""


def _cut(block: bytes, taken: int) -> tuple[bytes, bool]:
    """What of a block belongs to a segment that has `taken` bytes already, and whether it ends there.

    Whole lines where there are any, so that a secret is seen in one piece; a longer line goes in as it comes.
    """
    if taken + len(block) >= SEGMENT_BYTES:
        end = block.find(b"\n", max(0, SEGMENT_BYTES - taken - 1)) + 1
        if end:
            return block[:end], True
    end = block.rfind(b"\n") + 1
    return block[:end] if end else block, False
