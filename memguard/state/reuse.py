"""Whether what was sealed of a stream before still stands: for the same file, the same rules, the same key.

Looked at are the file's first bytes, all that the last segment covers, and what one earlier segment covers, in turn: so
a change anywhere is noticed within as many captures as there are segments by then. Once all of them had their turn, a
file that nobody has written to since (the same inode, length and time of change) is not read at all.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from memguard.state import files
from memguard.state.cursor import Cursor, Seen, Terms, load_cursor
from memguard.state.segment import SUFFIX, Segment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memguard.state.source import Source

HEAD_BYTES = 1024
FIRST = "the first capture of it"
DAMAGED_CURSOR = "the cursor was damaged"
OTHER_PRIVACY = "the privacy setting has changed"
OTHER_RULES = "the rules for secrets have changed"
OTHER_KEY = "the key has changed"
TRUNCATED = "the file became shorter"
REWRITTEN = "the file was rewritten"
SEGMENT_GONE = "a sealed segment was missing or damaged"


def usable_cursor(source: Source, folder: str, terms: Terms) -> tuple[Cursor | None, str]:
    """The cursor in a stream's folder where all that it says still holds; else None, and why not."""
    try:
        cursor = load_cursor(folder)
        why = why_afresh(cursor, source, folder, terms) if cursor else FIRST
    except (OSError, ValueError):
        return None, DAMAGED_CURSOR
    return (None, why) if why else (cursor, "")


def why_afresh(cursor: Cursor, source: Source, folder: str, terms: Terms) -> str:
    """Why a capture has to begin at the first byte; empty where it need not. Raises OSError."""
    return (
        _other_terms(cursor.terms, terms)
        or _changed(cursor, source)
        or ("" if _are_sealed(cursor, folder) else SEGMENT_GONE)
    )


def _other_terms(old: Terms, new: Terms) -> str:
    if old.privacy != new.privacy:
        return OTHER_PRIVACY
    if old.rules != new.rules:
        return OTHER_RULES
    return OTHER_KEY if old.recipient != new.recipient else ""


def _changed(cursor: Cursor, source: Source) -> str:
    if source.size_bytes < cursor.end:
        return TRUNCATED
    if not cursor.left and _is_untouched(cursor, source.seen):
        return ""
    is_same_file = (cursor.seen.device, cursor.seen.inode) == (source.seen.device, source.seen.inode)
    # Another file under the old name: a copy that was put back goes on, but only once all of it was compared.
    segments = _looked_at(cursor) if is_same_file else cursor.segments
    if source.digest(0, min(HEAD_BYTES, cursor.end), cursor.key) != cursor.head:
        return REWRITTEN
    is_same = all(source.digest(part.start, part.end, cursor.key) == part.source_digest for part in segments)
    return "" if is_same else REWRITTEN


def _looked_at(cursor: Cursor) -> Iterable[Segment]:
    """The last one, and the one whose turn it is of those before."""
    *earlier, last = cursor.segments
    return [last, earlier[min(cursor.turn, len(earlier) - 1)]] if earlier else [last]


def _is_untouched(cursor: Cursor, seen: Seen) -> bool:
    return bool(seen.changed_ns) and cursor.seen == seen


def next_turn(cursor: Cursor | None, segments: int) -> int:
    """Which segment is to be looked at next time, of so many. Backwards: forwards, growth could outrun it for ever."""
    if cursor and cursor.turn > 0:
        return min(cursor.turn, segments - 1) - 1
    return max(0, segments - 2)


def still_left(cursor: Cursor | None, seen: Seen, kept: int) -> int:
    """How many of the segments that were kept nobody has looked at since the file was last written to.

    `seen` is the file when this capture began. What the capture sealed itself, it has read.
    """
    if cursor is None:
        return 0 if seen.changed_ns else kept
    before = cursor.left if _is_untouched(cursor, seen) else kept
    return max(0, before - 1) if seen.changed_ns else before


def _are_sealed(cursor: Cursor, folder: str) -> bool:
    """Whether all files are there at their length, and those that are looked at hold what was written."""
    paths = {segment: os.path.join(folder, segment.name + SUFFIX) for segment in cursor.segments}
    are_there = all(files.size_bytes(path) == segment.sealed_bytes for segment, path in paths.items())
    return are_there and all(_file_digest(paths[part]) == part.sealed_digest for part in _looked_at(cursor))


def _file_digest(path: str) -> str:
    digest = hashlib.sha256()
    with files.open_read(path) as file:
        while block := file.read(1048576):
            digest.update(block)
    return digest.hexdigest()
