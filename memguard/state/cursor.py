"""The cursor of a stream: what was sealed of it, so that the next capture goes on from there. Numbers and digests only.

    memguard-cursor 1
    device=… inode=… (one `name=value` a line)
    segment <name> <start> <end> <plain bytes> <sealed bytes> <redactions> <commitment> <digest> <digest of the file>
    checksum <of everything before>

It is read as if somebody had written anything into it: what is odd costs a capture from the beginning, nothing else.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import NamedTuple

from memguard.state import files
from memguard.state.segment import COMMITMENT_CHARS, Segment, is_hex, is_segment_name
from memguard.state.segment_list import checksum

CURSOR = "cursor"
DIGEST_BYTES = 32
KEY_BYTES = 32
_MARK = "memguard-cursor 1"
_LARGEST = 2**64
_LONGEST_WORD = 200
# 30,000 segments: a conversation of 120 GB, or one of 8 GB in the shortest segments that there are.
_LONGEST_CURSOR = 8388608


class Terms(NamedTuple):
    """What must be the same for what was sealed before to be of use: privacy, rules, and whom it is sealed for."""

    privacy: str
    rules: str
    recipient: str


class Seen(NamedTuple):
    """The file as it was. `size_bytes` and `changed_ns` tell that nothing was written since; 0: they can't."""

    device: int
    inode: int
    size_bytes: int
    changed_ns: int


class Cursor(NamedTuple):
    """`key` is that of the digests, `head` the digest of the file's first bytes.

    `turn` is the segment to look at next, `left` how many nobody has looked at since the file was last written to.
    `index_state` is that of the line index at the end of the last segment, empty where none is kept.
    """

    seen: Seen
    terms: Terms
    key: bytes
    head: str
    turn: int
    left: int
    index_state: str
    segments: tuple[Segment, ...]

    @property
    def end(self) -> int:
        """How many bytes of the source are sealed."""
        return self.segments[-1].end if self.segments else 0


def load_cursor(folder: str) -> Cursor | None:
    """The cursor in a stream's folder. None where there is none; ValueError or OSError where it is of no use."""
    try:
        data = files.read_small(os.path.join(folder, CURSOR), _LONGEST_CURSOR)
    except FileNotFoundError:
        return None
    return cursor_from_bytes(data)


def save_cursor(folder: str, cursor: Cursor) -> None:
    """Put it in place. What it names must be on the disk by then."""
    files.replace_small(os.path.join(folder, CURSOR), cursor_to_bytes(cursor))


def cursor_to_bytes(cursor: Cursor) -> bytes:
    """The file's content."""
    seen, terms = cursor.seen, cursor.terms
    pairs = {
        "device": seen.device,
        "inode": seen.inode,
        "size": seen.size_bytes,
        "changed": seen.changed_ns,
        "privacy": terms.privacy,
        "rules": terms.rules,
        "recipient": terms.recipient,
        "key": cursor.key.hex(),
        "head": cursor.head,
        "turn": cursor.turn,
        "left": cursor.left,
        "index": cursor.index_state,
    }
    lines = [_MARK, *(f"{name}={value}" for name, value in pairs.items())]
    lines += [f"segment {' '.join(map(str, segment))}" for segment in cursor.segments]
    text = ("\n".join(lines) + "\n").encode()
    return text + f"checksum {checksum(text)}\n".encode()


def cursor_from_bytes(data: bytes) -> Cursor:
    """What `cursor_to_bytes` wrote; ValueError for anything else."""
    body = data[: data.rfind(b"\n", 0, -1) + 1]
    if data[len(body) :] != f"checksum {checksum(body)}\n".encode():
        raise ValueError("the checksum is another")
    lines = body.decode("ascii").splitlines()
    pairs = dict(_pair(line) for line in lines[1:] if not line.startswith("segment "))
    segments = tuple(_segment(line) for line in lines if line.startswith("segment "))
    try:
        cursor = _cursor(pairs, segments)
    except KeyError as error:
        raise ValueError(f"{error} is missing") from None
    if cursor_to_bytes(cursor) != data:
        raise ValueError("another spelling")
    return cursor


def _cursor(pairs: dict[str, str], segments: tuple[Segment, ...]) -> Cursor:
    _check_segments(segments)
    seen = Seen(*(_number(pairs[name]) for name in ("device", "inode", "size", "changed")))
    terms = Terms(*(_word(pairs[name]) for name in ("privacy", "rules", "recipient")))
    turn, left = _number(pairs["turn"]), _number(pairs["left"])
    key, head = bytes.fromhex(pairs["key"]), pairs["head"]
    if len(key) != KEY_BYTES or not is_hex(head, DIGEST_BYTES * 2):
        raise ValueError("not a key and a digest")
    return Cursor(seen, terms, key, head, turn, left, pairs["index"], segments)


def _check_segments(segments: tuple[Segment, ...]) -> None:
    """From the beginning, one after the other, none empty, none twice."""
    is_row = all(before.end == after.start for before, after in pairwise(segments))
    if not segments or segments[0].start or not is_row or any(segment.start >= segment.end for segment in segments):
        raise ValueError("the segments are not in a row")
    if len({segment.name for segment in segments}) != len(segments):
        raise ValueError("a segment stands there twice")


def _segment(line: str) -> Segment:
    words = line.split(" ")[1:]
    name, numbers, digests = words[0], words[1:6], words[6:]
    lengths = (COMMITMENT_CHARS, DIGEST_BYTES * 2, DIGEST_BYTES * 2)
    if not is_segment_name(name) or len(numbers) != 5 or len(digests) != len(lengths):
        raise ValueError("not a segment")
    if not all(map(is_hex, digests, lengths)):
        raise ValueError("not the digests of a segment")
    return Segment(name, *map(_number, numbers), *digests)  # type: ignore[arg-type]  # the counts are checked above


def _pair(line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    if not equals:
        raise ValueError("not a line of a cursor")
    return name, value


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 20 or int(text) > _LARGEST:
        raise ValueError("not a number")
    return int(text)


def _word(text: str) -> str:
    """What the terms are made of."""
    if not 0 < len(text) <= _LONGEST_WORD or not text.isprintable():
        raise ValueError("not a word")
    return text
