"""A conversation's file, put together again."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError, StateError
from memguard.state import files
from memguard.state.chunks import TamperedError
from memguard.state.rebuild import check_row, rebuild_raw_to_file, rebuild_to_file
from tests.transcripts import Box, Transcript


def test_it_comes_back_into_a_private_file(box: Box, tmp_path: Path) -> None:
    box.transcript.fill(5_000_000)
    box.take()
    box.transcript.prompt("more")
    snapshot = box.read(box.take())
    target = tmp_path / "out.jsonl"
    rebuilt = rebuild_to_file(box.store, snapshot, "main", str(target), box.keys)
    assert target.read_bytes() == box.transcript.path.read_bytes()
    assert rebuilt == (target.stat().st_size, 0)
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_failure_leaves_no_file(box: Box, tmp_path: Path) -> None:
    box.transcript.fill(5_000_000)
    snapshot = box.read(box.take())
    sealed = box.cursor().with_name(snapshot["transcripts"][0]["segments"][1]["name"] + ".sealed")
    sealed.write_bytes(sealed.read_bytes()[:-30])
    before = set(tmp_path.rglob("*"))
    with pytest.raises(EnvelopeError):
        rebuild_to_file(box.store, snapshot, "main", str(tmp_path / "out.jsonl"), box.keys)
    assert set(tmp_path.rglob("*")) == before


def test_nothing_is_written_over(box: Box, tmp_path: Path) -> None:
    box.transcript.prompt("hello")
    snapshot = box.read(box.take())
    (tmp_path / "out").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("out", "link"):
        with pytest.raises(StateError, match="there already"):
            rebuild_to_file(box.store, snapshot, "main", str(tmp_path / name), box.keys)
    assert (tmp_path / "out").read_text() == "mine"


def test_each_stream_by_its_name_and_no_other(box: Box) -> None:
    box.transcript.prompt("hello")
    agent = Transcript(box.transcript.path.with_suffix("") / "subagents" / "agent-a.jsonl")
    agent.prompt("look around")
    box.take()
    assert box.told(name="agent-a") == agent.path.read_bytes()
    with pytest.raises(StateError, match="no transcript 'agent-b'"):
        box.told(name="agent-b")


@pytest.mark.parametrize("ranges", [[(1, 5)], [(0, 5), (4, 9)], [(0, 5), (6, 9)], [(0, 5), (5, 5)], [(0, 0)]])
def test_segments_that_are_not_in_a_row_are_refused(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(TamperedError, match="follow"):
        check_row([
            {"name": "00" * 8, "start": start, "end": end, "plain_bytes": 5, "sealed_bytes": 9, "commitment": ""}
            for start, end in ranges
        ])  # fmt: skip


TORN = [b'{"type":"user","mess', b"\0" * 300, b'{"a":"' + b"x" * 9_000_000 + b'"}', b'["a list"]', b'{"a":[' * 3000]


@pytest.mark.parametrize("torn", TORN, ids=["cut", "nuls", "too long", "no object", "deep"])
def test_a_torn_last_line_is_left_out_and_counted(box: Box, tmp_path: Path, torn: bytes) -> None:
    box.transcript.prompt("hello")
    whole = box.transcript.path.read_bytes()
    box.transcript.raw(torn)
    snapshot = box.read(box.take())
    path = tmp_path / "out.jsonl"
    assert rebuild_to_file(box.store, snapshot, "main", str(path), box.keys) == (len(whole), len(torn))
    assert path.read_bytes() == whole
    raw = tmp_path / "raw.jsonl"
    assert rebuild_raw_to_file(box.store, snapshot, "main", str(raw), box.keys) == (len(whole) + len(torn), 0)
    assert raw.read_bytes() == whole + torn


@pytest.mark.parametrize("last", [b'{"type":"user"}', b"{}", b'{"a":"\xff"}'])
def test_a_last_line_that_lacks_its_end_alone_is_no_torn_one(box: Box, tmp_path: Path, last: bytes) -> None:
    box.transcript.prompt("hello")
    box.transcript.raw(last)
    rebuilt = rebuild_to_file(box.store, box.read(box.take()), "main", str(tmp_path / "out"), box.keys)
    assert rebuilt == (box.transcript.path.stat().st_size, 0)
    assert (tmp_path / "out").read_bytes() == box.transcript.path.read_bytes()


def test_a_file_that_appeared_meanwhile_is_named_as_the_person_knows_it(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(FileExistsError) as caught, files.appearing(str(path)):
        path.write_text("mine")
    assert caught.value.filename == str(path)
    assert path.read_text() == "mine"
