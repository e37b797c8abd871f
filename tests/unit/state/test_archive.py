"""A snapshot that goes to another machine: what the archive holds, for whom, and what is made of it there."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from memguard.core.errors import EnvelopeError, MemguardError, StateError
from memguard.state import archive, keys
from memguard.state.envelope import WrongKeyError
from memguard.state.importing import take_in
from memguard.state.verify import verify
from tests.transcripts import Box

if TYPE_CHECKING:
    from pathlib import Path

    from memguard.state.snapshot import Snapshot

MARK = "a sentence that nobody else writes"


@pytest.fixture
def there(tmp_path: Path) -> Box:
    """Another machine."""
    (tmp_path / "there").mkdir()
    return Box(tmp_path / "there")


def talked(box: Box) -> Snapshot:
    """A snapshot of a conversation with a sub-agent."""
    box.transcript.prompt(MARK)
    box.transcript.says("well said " * 200)
    agents = box.transcript.path.with_suffix("") / "subagents"
    agents.mkdir(parents=True)
    (agents / "agent-a1.jsonl").write_bytes(box.transcript.path.read_bytes() * 3)
    (agents / "agent-a1.meta.json").write_text('{"agentType":"general-purpose"}')
    return box.read(box.take())


def exported(box: Box, snapshot: Snapshot, recipient: bytes) -> Path:
    path = box.folder / "archive"
    length = archive.export(box.store, snapshot, str(path), box.keys, recipient)
    assert path.stat().st_size == length
    assert path.stat().st_mode & 0o777 == 0o600
    return path


def test_what_is_taken_in_elsewhere_is_the_same_conversation(box: Box, there: Box) -> None:
    snapshot = talked(box)
    path = exported(box, snapshot, keys.public_key(str(there.state)))
    taken = take_in(there.store, str(path), there.keys, keys.public_key(str(there.state)))
    assert verify(there.store, taken["id"], there.keys) == []
    for name in ("main", "agent-a1"):
        assert there.told(taken["id"], name) == box.told(snapshot["id"], name) != b""
    assert taken["conversation"] == snapshot["conversation"]
    assert taken["process"] == snapshot["process"]
    assert taken["transcripts"][1]["meta"] == '{"agentType":"general-purpose"}'
    assert snapshot["id"] in there.store.about(taken["id"])["reason"]
    assert there.store.find("latest") == taken["id"]


def test_it_can_be_taken_in_twice_and_where_it_came_from(box: Box) -> None:
    snapshot = talked(box)
    path = exported(box, snapshot, keys.public_key(str(box.state)))
    public_key = keys.public_key(str(box.state))
    ids = {take_in(box.store, str(path), box.keys, public_key)["id"] for _ in range(2)}
    assert len(ids | {snapshot["id"]}) == 3
    assert all(verify(box.store, each, box.keys) == [] for each in box.store.ids())


def test_a_conversation_of_many_megabytes_becomes_segments(box: Box, there: Box) -> None:
    box.transcript.prompt("x" * 9_000_000)
    snapshot = box.read(box.take())
    path = exported(box, snapshot, keys.public_key(str(there.state)))
    taken = take_in(there.store, str(path), there.keys, keys.public_key(str(there.state)))
    assert len(taken["transcripts"][0]["segments"]) == 3
    assert there.told(taken["id"]) == box.told(snapshot["id"])


def test_whoever_it_is_not_for_can_not_open_it(box: Box, there: Box) -> None:
    path = exported(box, talked(box), keys.public_key(str(box.state)))
    with pytest.raises(WrongKeyError):
        take_in(there.store, str(path), there.keys, keys.public_key(str(there.state)))
    assert there.store.ids() == []


def test_nothing_of_the_conversation_is_plain_in_it_nor_left_beside_it(box: Box) -> None:
    path = exported(box, talked(box), keys.public_key(str(box.state)))
    assert MARK.encode() not in path.read_bytes()
    assert [found.name for found in box.folder.glob("archive*")] == ["archive"]


def test_a_file_that_is_there_is_not_replaced(box: Box) -> None:
    snapshot = talked(box)
    (box.folder / "archive").write_text("the person's")
    with pytest.raises(StateError, match="there already"):
        exported(box, snapshot, keys.public_key(str(box.state)))
    assert (box.folder / "archive").read_text() == "the person's"


def test_an_export_of_a_damaged_snapshot_leaves_no_file(box: Box) -> None:
    snapshot = talked(box)
    segment = next((box.state / box.key / "conversations").rglob("*.sealed"))
    segment.write_bytes(segment.read_bytes()[:-1])
    with pytest.raises(EnvelopeError):
        exported(box, snapshot, keys.public_key(str(box.state)))
    assert list(box.folder.glob("archive*")) == []


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: content.read() for member in tar if (content := tar.extractfile(member))}


def packed(path: Path, content: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("how", ["swapped", "of another archive", "missing", "without a record", "named to lead away"])
def test_what_was_put_together_by_somebody_else_is_refused(box: Box, there: Box, how: str) -> None:
    snapshot, public_key = talked(box), keys.public_key(str(there.state))
    path = exported(box, snapshot, public_key)
    content = members(path)
    path.unlink()
    others = members(exported(box, snapshot, public_key))
    if how == "swapped":
        content["main.sealed"], content["agent-a1.sealed"] = content["agent-a1.sealed"], content["main.sealed"]
    elif how == "of another archive":
        content["main.sealed"] = others["main.sealed"]
    elif how == "missing":
        del content["agent-a1.sealed"]
    elif how == "without a record":
        del content["record.sealed"]
    else:
        content = {"../../evil.sealed": content["main.sealed"], **content}
    packed(path, content)
    with pytest.raises(EnvelopeError):
        take_in(there.store, str(path), there.keys, public_key)
    assert there.store.ids() == []
    assert not list((there.state / there.key / "conversations").rglob("*.sealed"))


def test_every_cut_and_any_other_file_is_a_named_error(box: Box, there: Box) -> None:
    public_key = keys.public_key(str(there.state))
    path = exported(box, talked(box), public_key)
    whole = path.read_bytes()
    end = len(whole.rstrip(b"\0"))
    for length in (0, 1, 300, 512, 600, 1024, end // 2, end - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(MemguardError):
            take_in(there.store, str(path), there.keys, public_key)
    path.write_text("no archive at all\n" * 100)
    with pytest.raises(EnvelopeError):
        take_in(there.store, str(path), there.keys, public_key)
    with pytest.raises(StateError):
        take_in(there.store, str(path) + "x", there.keys, public_key)
    assert there.store.ids() == []
