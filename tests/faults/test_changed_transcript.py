"""A transcript that is not only appended to: truncated, replaced, rewritten in place. The next captures notice."""

from __future__ import annotations

import os
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memguard.state.reuse import REWRITTEN, TRUNCATED
from tests.transcripts import Box


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def chance() -> random.Random:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    return random.Random(seed)


def in_segments(box: Box, count: int, size_bytes: int = 300_000) -> list[str]:
    """Captures that leave a conversation of so many segments."""
    ids = []
    for _ in range(count):
        box.transcript.fill(size_bytes)
        ids.append(box.take())
    assert len(box.main(ids[-1])["segments"]) == count
    return ids


def change_a_byte(path: Path, position: int) -> None:
    """In place: the same inode, the same length, and the time of change put back as far as it can be."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(position)
        old = file.read(1)
        file.seek(position)
        file.write(b"y" if old == b"x" else b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_cut_at_a_random_place(box: Box, chance: random.Random) -> None:
    *_, old = in_segments(box, 3)
    before = box.transcript.path.read_bytes()
    os.truncate(box.transcript.path, chance.randrange(1, len(before)))
    new = box.take()
    assert box.main(new)["begun"] == TRUNCATED
    assert box.told(new) == box.transcript.path.read_bytes()
    assert box.told(old) == before


def test_cut_and_grown_again_to_more_than_before(box: Box, chance: random.Random) -> None:
    in_segments(box, 2)
    os.truncate(box.transcript.path, chance.randrange(1, 250_000))
    box.transcript.raw(b"\n")
    box.transcript.fill(900_000)
    assert box.main(box.take())["begun"] == REWRITTEN
    assert box.told() == box.transcript.path.read_bytes()


def test_replaced_by_another_conversation(box: Box) -> None:
    *_, old = in_segments(box, 2)
    before = box.transcript.path.read_bytes()
    (box.folder / "other").mkdir()
    other = Box(box.folder / "other")
    other.transcript.fill(700_000)
    os.replace(other.transcript.path, box.transcript.path)
    assert box.main(box.take())["begun"] == REWRITTEN
    assert box.told() == box.transcript.path.read_bytes()
    assert box.told(old) == before


def test_replaced_by_a_copy_with_one_byte_changed(box: Box, chance: random.Random) -> None:
    """Another inode: all of it is compared, wherever the change is."""
    in_segments(box, 4)
    data = bytearray(box.transcript.path.read_bytes())
    position = chance.randrange(len(data))
    data[position] ^= 1
    copy = box.transcript.path.with_suffix(".copy")
    copy.write_bytes(data)
    os.replace(copy, box.transcript.path)
    assert box.main(box.take())["begun"] == REWRITTEN
    assert box.told() == bytes(data)


@pytest.mark.parametrize("grows", [False, True], ids=["", "grows"])
@pytest.mark.parametrize("settles", [False, True], ids=["just written", "settled"])
def test_one_byte_rewritten_in_place_is_noticed_within_as_many_captures_as_there_are_segments(
    box: Box, chance: random.Random, monkeypatch: pytest.MonkeyPatch, grows: bool, settles: bool
) -> None:
    if settles:  # so that a file that nobody has written to since is not read
        monkeypatch.setattr("memguard.state.source._SETTLED_NS", -1)
    in_segments(box, 5)
    for _ in range(3):
        change_a_byte(box.transcript.path, chance.randrange(box.transcript.path.stat().st_size - 10))
        captures = 0
        while True:
            captures += 1
            if grows:
                box.transcript.fill(300_000)
            main = box.main(box.take())
            if main["begun"]:
                break
            assert captures < len(main["segments"])
        assert main["begun"] == REWRITTEN
        assert box.told() == box.transcript.path.read_bytes()
        in_segments_again(box)


def in_segments_again(box: Box) -> None:
    """What was sealed at once lies in one segment; more of them follow."""
    for _ in range(3):
        box.transcript.fill(300_000)
        box.take()


@pytest.mark.parametrize("where", ["first bytes", "last segment"])
def test_rewritten_where_every_capture_looks_is_noticed_at_once(box: Box, chance: random.Random, where: str) -> None:
    in_segments(box, 4)
    size = box.transcript.path.stat().st_size
    places = range(1024) if where == "first bytes" else range(size - 290_000, size)
    change_a_byte(box.transcript.path, chance.choice(places))
    assert box.main(box.take())["begun"] == REWRITTEN


def test_an_emptied_transcript(box: Box) -> None:
    box.transcript.fill(100_000)
    old, before = box.take(), box.transcript.path.read_bytes()
    os.truncate(box.transcript.path, 0)
    assert (box.told(box.take()), box.told(old)) == (b"", before)
    box.transcript.prompt("new words")
    assert box.told(box.take()) == box.transcript.path.read_bytes()


@pytest.mark.parametrize("captures", range(4))
def test_rewritten_first_bytes_are_noticed_whichever_segment_has_its_turn(
    box: Box, chance: random.Random, captures: int
) -> None:
    in_segments(box, 4)
    for _ in range(captures):
        box.take()
    change_a_byte(box.transcript.path, chance.randrange(1024))
    assert box.main(box.take())["begun"] == REWRITTEN


def test_a_clock_that_stands_still_hides_no_change(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written, captured and rewritten within one tick of the file system's clock: 4 ms on Linux, 2 s on FAT."""
    box.transcript.fill(100_000)
    monkeypatch.setattr("memguard.state.source.os", StoppedClock(box.transcript.path.stat().st_ctime_ns))
    box.take()
    change_a_byte(box.transcript.path, 50_000)
    assert box.main(box.take())["begun"] == REWRITTEN
    assert box.told() == box.transcript.path.read_bytes()


class StoppedClock:
    """The module `os` on a file system by whose clock every file was changed at the same time."""

    def __init__(self, changed_ns: int) -> None:
        self._changed_ns = changed_ns

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fstat(self, descriptor: int) -> SimpleNamespace:
        status = os.fstat(descriptor)
        values = {name: getattr(status, name) for name in ("st_dev", "st_ino", "st_size", "st_mode")}
        return SimpleNamespace(**values, st_ctime_ns=self._changed_ns)
