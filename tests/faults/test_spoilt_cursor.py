"""A cursor that was damaged, swapped or made up: the next capture begins afresh, and its snapshot is right."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.state.cursor import Cursor, cursor_to_bytes, load_cursor, save_cursor
from memguard.state.reuse import DAMAGED_CURSOR, REWRITTEN, SEGMENT_GONE
from memguard.state.verify import verify
from tests.transcripts import Box, Transcript


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Three segments, and a cursor of the second capture."""
    box = Box(tmp_path)
    for _ in range(3):
        box.transcript.fill(280_000)
        box.take()
    return box


def loaded(box: Box) -> Cursor:
    cursor = load_cursor(str(box.cursor().parent))
    assert cursor
    return cursor


def check_next(box: Box, begun: str | None) -> None:
    """The next capture is right, and the one after goes on from it."""
    before = box.store.ids()
    box.transcript.fill(20_000)
    snapshot_id = box.take()
    if begun is not None:
        assert box.main(snapshot_id)["begun"] == begun
    assert verify(box.store, snapshot_id, box.keys) == []
    assert box.told(snapshot_id) == box.transcript.path.read_bytes()
    assert [verify(box.store, name, box.keys) for name in before] == [[]] * len(before)
    assert box.main(box.take())["begun"] == ""


def test_spoilt_or_cut_at_random_bytes(box: Box) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    for _ in range(10):
        data = box.cursor().read_bytes()
        position = chance.randrange(len(data))
        spoilt = data[:position] + bytes([data[position] ^ 1 << chance.randrange(8)]) + data[position + 1 :]
        box.cursor().write_bytes(chance.choice([spoilt, data[:position]]))
        check_next(box, DAMAGED_CURSOR)


def test_a_cursor_that_is_gone_or_no_file(box: Box, tmp_path: Path) -> None:
    box.cursor().unlink()
    check_next(box, None)
    (tmp_path / "elsewhere").write_bytes(box.cursor().read_bytes())
    box.cursor().unlink()
    box.cursor().symlink_to(tmp_path / "elsewhere")
    check_next(box, DAMAGED_CURSOR)
    assert not box.cursor().is_symlink()
    box.cursor().unlink()
    os.mkfifo(box.cursor())
    check_next(box, DAMAGED_CURSOR)


CHANGES: dict[str, tuple[Callable[[Cursor], Cursor], str]] = {
    "more is sealed than there is": (
        lambda cursor: cursor._replace(segments=(*cursor.segments[:-1], cursor.segments[-1]._replace(end=2**40))),
        "the file became shorter",
    ),
    "another digest": (lambda cursor: cursor._replace(head="00" * 32), REWRITTEN),
    "another key of digests": (lambda cursor: cursor._replace(key=b"k" * 32), REWRITTEN),
    "another inode": (lambda cursor: cursor._replace(seen=cursor.seen._replace(inode=1)), ""),
    "a turn far away": (lambda cursor: cursor._replace(turn=2**60), ""),
    "the index is no index": (lambda cursor: cursor._replace(index_state="1 -1"), DAMAGED_CURSOR),
    "the index is elsewhere": (lambda cursor: cursor._replace(index_state="1 0 0"), DAMAGED_CURSOR),
    "no index": (lambda cursor: cursor._replace(index_state=""), DAMAGED_CURSOR),
    "a segment that is not there": (
        lambda cursor: cursor._replace(segments=(cursor.segments[0]._replace(name="0" * 16), *cursor.segments[1:])),
        SEGMENT_GONE,
    ),
    "a range less": (lambda cursor: cursor._replace(segments=cursor.segments[:-1]), DAMAGED_CURSOR),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_cursor_that_was_made_up(box: Box, change: str) -> None:
    made, begun = CHANGES[change]
    save_cursor(str(box.cursor().parent), made(loaded(box)))
    check_next(box, begun)


def test_the_cursor_of_an_earlier_capture_goes_on_from_there(box: Box) -> None:
    """As after a capture that was killed between its snapshot and its cursor."""
    earlier = cursor_to_bytes(loaded(box))
    box.transcript.fill(600_000)
    box.take()
    box.cursor().write_bytes(earlier)
    check_next(box, "")


def test_the_cursor_of_another_stream(box: Box) -> None:
    agent = Transcript(box.transcript.path.with_suffix("") / "subagents" / "agent-a.jsonl")
    agent.fill(280_000)
    box.take()
    shutil.copy(box.cursor("agent-a"), box.cursor())
    check_next(box, REWRITTEN)
