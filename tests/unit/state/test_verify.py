"""Which snapshots are good, what is wrong with the others, and which one to take."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from memguard.core.errors import StateError
from memguard.state.about import ABOUT, FORMATS, MANIFEST, SEGMENTS, plain_files
from memguard.state.envelope import fingerprint
from memguard.state.keys import public_key
from memguard.state.verify import Verifier, newest_good, verify
from tests.one_key import OneKey
from tests.transcripts import Box, Transcript


def spoil(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def in_three(box: Box) -> list[str]:
    """Three snapshots, newest first: each has a segment that the one before has not."""
    for _ in range(3):
        box.transcript.fill(280_000)
        box.take()
    return box.store.ids()


def test_good_ones_have_no_fault(box: Box) -> None:
    Transcript(box.transcript.path.with_suffix("") / "subagents" / "agent-a.jsonl").prompt("look")
    box.transcript.raw(b'{"torn":')
    assert [verify(box.store, snapshot_id, box.keys) for snapshot_id in in_three(box)] == [[]] * 3


def test_every_byte_of_a_small_snapshot_is_looked_at(box: Box) -> None:
    """Of the sealed files, for which tests of their own flip every bit, some."""
    box.transcript.prompt("hello")
    snapshot_id = box.take()
    keys = OneKey(box.keys.key_for(fingerprint(public_key(str(box.state)))))
    folder = Path(box.store.folder) / snapshot_id
    [segment] = box.cursor().parent.glob("*.sealed")
    for path in (folder / MANIFEST, folder / ABOUT, folder / SEGMENTS, segment):
        data = path.read_bytes()
        for position in range(0, len(data), 1 if path.name in (ABOUT, SEGMENTS) else 37):
            spoil(path, position)
            assert [fault.path for fault in verify(box.store, snapshot_id, keys)] == [str(path)]
            path.write_bytes(data)
        for cut in range(0, len(data), 50):
            path.write_bytes(data[:cut])
            assert str(path) in [fault.path for fault in verify(box.store, snapshot_id, keys)]
        path.write_bytes(data + b"\n")
        assert str(path) in [fault.path for fault in verify(box.store, snapshot_id, keys)]
        path.write_bytes(data)
    assert verify(box.store, snapshot_id, box.keys) == []


@pytest.mark.parametrize("name", [MANIFEST, ABOUT, SEGMENTS])
def test_a_file_that_is_gone_or_a_folder_is_named(box: Box, name: str) -> None:
    box.transcript.prompt("hello")
    snapshot_id = box.take()
    path = Path(box.store.folder) / snapshot_id / name
    path.unlink()
    assert [fault.path for fault in verify(box.store, snapshot_id, box.keys)] == [str(path)]
    path.mkdir()
    [fault] = verify(box.store, snapshot_id, box.keys)
    assert "not a plain file" in fault.what


def test_a_shared_segment_spoils_all_that_need_it_and_no_other(box: Box) -> None:
    newest, middle, oldest = in_three(box)
    second = box.main(middle)["segments"][1]["name"]
    spoil(box.cursor().with_name(f"{second}.sealed"), 300)
    verifier = Verifier(box.store, box.keys)
    assert [len(verifier.verify(snapshot_id)) for snapshot_id in (newest, middle, oldest)] == [1, 1, 0]


def test_the_next_older_good_one_is_taken_and_it_is_said(box: Box) -> None:
    newest, middle, oldest = in_three(box)
    assert newest_good(box.store, box.keys)[0]["id"] == newest
    assert newest_good(box.store, box.keys, oldest[:-1])[0]["id"] == oldest
    spoil(Path(box.store.folder) / newest / MANIFEST, 200)
    shutil.rmtree(Path(box.store.folder) / middle)
    (Path(box.store.folder) / middle).mkdir()
    snapshot, faults = newest_good(box.store, box.keys)
    assert snapshot["id"] == oldest
    assert [newest in faults[0].path, middle in faults[1].path] == [True, True]
    assert all(fault.what for fault in faults)
    assert newest_good(box.store, box.keys, oldest) == (snapshot, [])


def test_only_snapshots_of_the_same_session_are_taken_instead(box: Box) -> None:
    box.transcript.prompt("hello")
    mine = box.take(session="mine")
    box.take(session="other")
    latest = box.take(session="mine")
    assert newest_good(box.store, box.keys, session="other")[0]["session_id"] == "other"
    spoil(Path(box.store.folder) / latest / MANIFEST, 200)
    assert newest_good(box.store, box.keys, session="mine")[0]["id"] == mine
    assert newest_good(box.store, box.keys, latest)[0]["id"] == mine
    assert newest_good(box.store, box.keys)[0]["id"] == mine
    spoil(Path(box.store.folder) / mine / MANIFEST, 200)
    with pytest.raises(StateError, match="no snapshot is good"):
        newest_good(box.store, box.keys, latest)


def test_without_any_it_is_one_line_and_a_next_step(box: Box) -> None:
    with pytest.raises(StateError, match="no snapshot yet") as caught:
        newest_good(box.store, box.keys)
    assert caught.value.next_step


def test_older_forms_of_the_plain_facts_are_good_and_a_newer_one_is_said(box: Box) -> None:
    """Whatever a version adds to them: snapshots of before are not called damaged."""
    box.transcript.prompt("hello")
    snapshot_id = box.take()
    about, snapshot = Path(box.store.path(snapshot_id, ABOUT)), box.read(snapshot_id)
    manifest_bytes = Path(box.store.path(snapshot_id, MANIFEST)).stat().st_size
    written = {form: plain_files(snapshot, manifest_bytes, form)[ABOUT] for form in FORMATS}
    assert len(set(written.values())) == len(FORMATS)
    for content in written.values():
        about.write_bytes(content)
        assert verify(box.store, snapshot_id, box.keys) == []
    about.write_bytes(written["2"].replace(b"format=2", b"format=3"))
    assert "does not say what" in verify(box.store, snapshot_id, box.keys)[0].what
    about.write_bytes(written["3"].replace(b"format=3", b"format=4") + b"more=1\n")
    assert "a newer memguard has written it" in verify(box.store, snapshot_id, box.keys)[0].what


def test_another_key_is_a_fault_and_an_unusable_one_an_error(box: Box) -> None:
    box.transcript.prompt("hello")
    snapshot_id = box.take()
    [fault] = verify(box.store, snapshot_id, OneKey(bytes(range(32))))
    assert "sealed for the key" in fault.what
    [private] = (box.state / "keys").glob("*.private")
    private.chmod(0o644)
    with pytest.raises(StateError, match="can be read by others"):
        verify(box.store, snapshot_id, box.keys)
    private.unlink()
    [fault] = verify(box.store, snapshot_id, box.keys)
    assert "is gone" in fault.what


def test_random_corruptions_are_each_found(box: Box) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    in_three(box)
    paths = [*Path(box.store.folder).glob("*/*"), *box.cursor().parent.glob("*.sealed")]
    for _ in range(30):
        path = chance.choice(paths)
        data = path.read_bytes()
        spoil(path, chance.randrange(len(data)))
        verifier = Verifier(box.store, box.keys)
        faults = [fault for snapshot_id in box.store.ids() for fault in verifier.verify(snapshot_id)]
        assert {fault.path for fault in faults} == {str(path)}
        path.write_bytes(data)
