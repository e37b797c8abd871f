"""A conversation's file, put together again."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError, StateError
from memguard.state.chunks import TamperedError
from memguard.state.rebuild import check_row, rebuild_to_file
from tests.transcripts import Box, Transcript


def test_it_comes_back_into_a_private_file(box: Box, tmp_path: Path) -> None:
    box.transcript.fill(5_000_000)
    box.take()
    box.transcript.prompt("more")
    snapshot = box.read(box.take())
    target = tmp_path / "out.jsonl"
    length = rebuild_to_file(box.store, snapshot, "main", str(target), box.keys)
    assert target.read_bytes() == box.transcript.path.read_bytes()
    assert length == target.stat().st_size
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
