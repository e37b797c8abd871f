"""Segments and records in places where they don't belong: a named error, and what was not touched still opens."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError
from memguard.state import envelope
from memguard.state.about import MANIFEST, manifest_context
from memguard.state.chunks import TamperedError
from memguard.state.keys import public_key
from memguard.state.snapshot import RecordVersionError, Snapshot, to_json
from memguard.state.verify import verify
from tests.transcripts import SESSION, Box, Transcript


@pytest.fixture
def box(tmp_path: Path) -> Box:
    box = Box(tmp_path)
    for _ in range(2):
        box.transcript.fill(280_000)
        box.take()
    return box


def sealed(box: Box, number: int, snapshot_id: str = "latest", stream: int = 0) -> Path:
    """The file of one segment."""
    part = box.read(box.store.find(snapshot_id))["transcripts"][stream]
    return box.cursor(part["name"]).with_name(part["segments"][number]["name"] + ".sealed")


def check_refused(box: Box, path: Path) -> None:
    snapshot_id = box.store.ids()[0]
    with pytest.raises(TamperedError):
        box.told(snapshot_id)
    assert str(path) in [fault.path for fault in verify(box.store, snapshot_id, box.keys)]


def test_two_segments_swapped(box: Box) -> None:
    one, two = sealed(box, 0), sealed(box, 1)
    one.rename(one.with_suffix(".x"))
    two.rename(one)
    one.with_suffix(".x").rename(two)
    check_refused(box, one)
    check_refused(box, two)


def test_a_segment_of_another_capture_of_the_same_range(box: Box) -> None:
    """Sealed for the same place and the same content, and still not the one that this snapshot names."""
    path, [first, *_] = sealed(box, 0), box.main("latest")["segments"]
    content = box.told()[: first["end"]]
    assert len(content) == first["plain_bytes"], "nothing was redacted"
    context = f"{box.key}/{SESSION}/main/{path.stem}".encode()
    with path.open("wb") as sink:
        envelope.seal(io.BytesIO(content), sink, public_key(str(box.state)), context)
    check_refused(box, path)


def test_a_record_longer_than_any_is_refused_before_it_fills_the_memory(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot_id = box.store.ids()[0]
    length = len(to_json(box.read(snapshot_id)))
    monkeypatch.setattr("memguard.state.store.LONGEST_RECORD_BYTES", length)
    assert box.read(snapshot_id)["id"] == snapshot_id
    monkeypatch.setattr("memguard.state.store.LONGEST_RECORD_BYTES", length - 1)
    with pytest.raises(TamperedError, match="longer than it can be"):
        box.read(snapshot_id)


def test_a_segment_of_another_stream_and_of_another_project(box: Box, tmp_path: Path) -> None:
    Transcript(box.transcript.path.with_suffix("") / "subagents" / "agent-a.jsonl").fill(280_000)
    box.take()
    path = sealed(box, 0)
    data = path.read_bytes()
    shutil.copy(sealed(box, 0, stream=1), path)
    check_refused(box, path)
    path.write_bytes(data)
    (tmp_path / "other").mkdir()
    other = Box(tmp_path / "other")
    other.state, other.key = box.state, "-work-other"
    other.transcript.fill(280_000)
    other.take()
    shutil.copy(sealed(other, 0), path)
    check_refused(box, path)


def test_a_record_and_its_segments_moved_to_another_project(box: Box, tmp_path: Path) -> None:
    snapshot_id = box.store.ids()[0]
    (tmp_path / "other").mkdir()
    other = Box(tmp_path / "other")
    other.state, other.key = box.state, "-work-other"
    shutil.copytree(box.store.project_dir, other.store.project_dir)
    with pytest.raises(TamperedError):
        other.read(snapshot_id)
    assert box.told(snapshot_id) == box.transcript.path.read_bytes()


def forge(box: Box, change: dict[str, object], record: Snapshot | None = None) -> str:
    """The newest snapshot's record, changed and sealed again: the public key is all that it takes."""
    snapshot_id = box.store.ids()[0]
    record = record or box.read(snapshot_id)
    path = Path(box.store.path(snapshot_id, MANIFEST))
    with path.open("wb") as sink:
        sealer = envelope.Sealer(sink, public_key(str(box.state)), manifest_context(box.key, snapshot_id))
        sealer.write(json.dumps({**record, **change}).encode())
        sealer.finish()
    return snapshot_id


@pytest.mark.parametrize(("version", "step"), [(1, "another snapshot"), (3, "newer memguard"), ("x\x1b", "another")])
def test_a_record_of_another_version_is_named(box: Box, version: object, step: str) -> None:
    snapshot_id = forge(box, {"version": version})
    with pytest.raises(RecordVersionError) as caught:
        box.read(snapshot_id)
    assert step in caught.value.next_step
    assert "\x1b" not in caught.value.what
    assert len(verify(box.store, snapshot_id, box.keys)) == 1


def test_a_forged_record_leads_to_no_file_elsewhere(box: Box, tmp_path: Path) -> None:
    """Whoever can write here can seal a record, too; it must not make memguard open what it likes."""
    (tmp_path / "outside.sealed").write_bytes(sealed(box, 0).read_bytes())
    record, part = box.read(box.store.ids()[0]), box.main("latest")
    for name in ("../../../../../outside", f"../main/{part['segments'][0]['name']}", "/etc/passwd", ""):
        segment = {**part["segments"][0], "name": name}
        snapshot_id = forge(box, {"transcripts": [{**part, "segments": [segment]}]}, record)
        with pytest.raises(EnvelopeError, match="can't be"):
            box.told(snapshot_id)
        assert verify(box.store, snapshot_id, box.keys)
    segment = {**part["segments"][0], "plain_bytes": 5}
    snapshot_id = forge(box, {"transcripts": [{**part, "segments": [segment]}]}, record)
    with pytest.raises(TamperedError, match="as long"):
        box.told(snapshot_id)
    segment = {**part["segments"][0], "commitment": ""}
    snapshot_id = forge(box, {"transcripts": [{**part, "segments": [segment]}]}, record)
    with pytest.raises(TamperedError, match="which segment"):
        box.told(snapshot_id)


def test_a_record_that_is_none(box: Box) -> None:
    record = box.read(box.store.ids()[0])
    changes: list[dict[str, object]] = [{"transcripts": 5}, {"transcripts": [{}]}, {"session_id": 7}, {"restart": None}]
    for change in changes:
        snapshot_id = forge(box, change, record)
        [fault] = verify(box.store, snapshot_id, box.keys)
        assert "not a record" in fault.what


def test_a_record_that_says_it_is_another(box: Box) -> None:
    record = box.read(box.store.ids()[0])
    changes: list[dict[str, object]] = [{"id": "../../x"}, {"id": box.store.ids()[1]}, {"project_key": "-work-other"}]
    for change in changes:
        with pytest.raises(TamperedError):
            box.read(forge(box, change, record))
