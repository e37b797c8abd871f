"""The store: whole snapshots, found by the beginning of an id, kept for a while."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError, StateError
from memguard.state import keys
from memguard.state.retention import prune, retention_days
from memguard.state.snapshot import new_id
from memguard.state.store import ABOUT, MANIFEST, TRANSCRIPT, open_to_file
from tests.transcripts import Box

DAY_S = 86400


def copy_as(box: Box, snapshot_id: str, name: str) -> None:
    """The same files under another id."""
    (Path(box.store.folder) / name).mkdir()
    for path in (Path(box.store.folder) / snapshot_id).iterdir():
        (Path(box.store.folder) / name / path.name).write_bytes(path.read_bytes())


def test_ids_sort_by_time_within_the_second_too() -> None:
    ids = [new_id(1795397716.0 + number / 100) for number in range(100)]
    assert ids == sorted(ids)
    assert re.fullmatch(r"20261123T\d{6}Z-[0-9a-f]{6}", ids[0])
    assert len({new_id(1795397716.5) for _ in range(50)}) > 40


def test_a_snapshot_is_found_by_the_beginning_of_its_id(box: Box) -> None:
    with pytest.raises(StateError, match="no snapshot yet"):
        box.store.find("latest")
    first, second = box.capture(), box.capture()
    assert box.store.ids() == [second, first]
    assert (box.store.find("latest"), box.store.find(second), box.store.find(first[:-1])) == (second, second, first)
    with pytest.raises(StateError, match="2 snapshots"):
        box.store.find("20")
    with pytest.raises(StateError, match="no snapshot begins"):
        box.store.find("../..")


def test_latest_is_the_latest_whole_one(box: Box) -> None:
    first, second = box.capture(), box.capture()
    (Path(box.store.folder) / second / MANIFEST).unlink()
    assert box.store.find("latest") == first


def test_a_file_of_another_snapshot_does_not_open_here(box: Box) -> None:
    box.transcript.prompt("hello")
    first, second = box.capture(), box.capture()
    for name in (MANIFEST, TRANSCRIPT):
        (Path(box.store.folder) / first / name).replace(Path(box.store.folder) / second / name)
    with pytest.raises(EnvelopeError):
        box.read(second)


def test_the_transcript_comes_back_and_a_failure_leaves_no_file(box: Box, tmp_path: Path) -> None:
    box.transcript.prompt("hello")
    box.transcript.fill(3_000_000)
    snapshot_id = box.capture()
    key = keys.private_key(str(box.state))
    target = tmp_path / "out.jsonl"
    open_to_file(box.store, snapshot_id, TRANSCRIPT, str(target), key)
    assert target.read_bytes() == box.transcript.path.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    target.unlink()
    sealed = Path(box.store.folder) / snapshot_id / TRANSCRIPT
    sealed.write_bytes(sealed.read_bytes()[:-30])
    before = set(tmp_path.rglob("*"))
    with pytest.raises(EnvelopeError):
        open_to_file(box.store, snapshot_id, TRANSCRIPT, str(target), key)
    assert set(tmp_path.rglob("*")) == before


def test_old_snapshots_go_but_never_the_newest_good_one(box: Box) -> None:
    newest = box.capture()
    old, older, damaged = "20200102T000000Z-000002", "20200101T000000Z-000001", "20200103T000000Z-000003"
    for name in (old, older, damaged):
        copy_as(box, newest, name)
    (Path(box.store.folder) / damaged / ABOUT).unlink()
    assert sorted(prune(box.store, 7)) == [older, old, damaged]
    for name in (old, older, damaged):
        copy_as(box, newest, name)
    (Path(box.store.folder) / damaged / ABOUT).unlink()
    (Path(box.store.folder) / newest / MANIFEST).unlink()
    assert sorted(prune(box.store, 7)) == [older, damaged]
    assert box.store.ids() == [newest, old]


def test_a_capture_prunes_by_the_compiled_days(box: Box) -> None:
    first = box.capture()
    copy_as(box, first, "20200101T000000Z-000001")
    copy_as(box, first, new_id(time.time() - 3 * DAY_S))
    (Path(box.store.project_dir) / "compiled").write_text("retention_days=2\n")
    assert retention_days(box.store.project_dir) == 2
    second = box.capture()
    assert box.store.ids() == [second, first]


@pytest.mark.parametrize("content", ["", "retention_days=soon\n"])
def test_seven_days_where_nothing_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "compiled").write_text(content)
    assert retention_days(str(tmp_path)) == 7
