"""Which snapshot is given back: what has to open for it, of which session it is, and what is said of the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from memguard.core.errors import StateError
from memguard.state.about import ABOUT, MANIFEST, SEGMENTS
from memguard.state.choice import Needs, choose
from memguard.state.compiled import SnapshotSettings
from memguard.state.retention import prune
from memguard.state.verifier import Verifier
from tests.transcripts import SESSION, Box, Transcript


def spoil(path: str | Path, position: int = -5) -> Path:
    data = bytearray(Path(path).read_bytes())
    data[position] ^= 1
    Path(path).write_bytes(data)
    return Path(path)


def other_session(box: Box) -> str:
    """A snapshot of another conversation in the same project."""
    talk = Transcript(box.transcript.path.with_name("other.jsonl"))
    talk.prompt("another matter")
    return box.take(session="other", transcript=str(talk.path))


def segment(box: Box, snapshot_id: str, stream: int = 0) -> Path:
    """The file of the last segment of one stream of a snapshot."""
    part = box.read(snapshot_id)["transcripts"][stream]
    return box.cursor(part["name"]).with_name(f"{part['segments'][-1]['name']}.sealed")


@pytest.mark.parametrize("name", [ABOUT, SEGMENTS])
@pytest.mark.parametrize("damage", [spoil, os.unlink], ids=["changed", "gone"])
def test_what_is_wrong_with_plain_files_is_only_said(box: Box, name: str, damage: Callable[[str], object]) -> None:
    box.transcript.prompt("hello")
    snapshot_id = box.take()
    damage(box.store.path(snapshot_id, name))
    choice = choose(box.store, box.keys)
    assert (choice.snapshot["id"], choice.passed_over) == (snapshot_id, {})
    assert [fault.path for fault in choice.plain] == [box.store.path(snapshot_id, name)]


def test_only_what_is_needed_has_to_open(box: Box) -> None:
    Transcript(box.transcript.path.with_suffix("") / "subagents" / "agent-a.jsonl").prompt("look")
    box.transcript.fill(300_000)
    first = box.take()
    box.transcript.prompt("hello")
    second = box.take()
    spoil(segment(box, second))
    assert choose(box.store, box.keys, needs=Needs.RECORD).snapshot["id"] == second
    for needs in (Needs.CONVERSATION, Needs.STREAMS):
        choice = choose(box.store, box.keys, needs=needs)
        assert choice.snapshot["id"] == first
        assert [fault.path for fault in choice.passed_over[second]] == [str(segment(box, second))]
    spoil(segment(box, first, 1))
    assert choose(box.store, box.keys, needs=Needs.CONVERSATION).snapshot["id"] == first
    with pytest.raises(StateError, match="no snapshot is good"):
        choose(box.store, box.keys, needs=Needs.STREAMS)


@pytest.mark.parametrize("wanted", ["latest", "the id"])
@pytest.mark.parametrize("left", [[ABOUT, SEGMENTS], [SEGMENTS], [ABOUT]])
def test_of_a_damaged_one_the_session_is_still_known(box: Box, wanted: str, left: list[str]) -> None:
    box.transcript.prompt("mine")
    mine = box.take()
    other_session(box)
    box.transcript.prompt("mine again")
    last = box.take()
    spoil(box.store.path(last, MANIFEST))
    for name in {ABOUT, SEGMENTS} - set(left):
        os.unlink(box.store.path(last, name))
    choice = choose(box.store, box.keys, "latest" if wanted == "latest" else last)
    assert choice.snapshot["id"] == mine
    assert list(choice.passed_over) == [last]


def test_where_the_session_cannot_be_known_the_person_is_asked_for_it(box: Box) -> None:
    box.transcript.prompt("mine")
    mine = box.take()
    other = other_session(box)
    last = box.take()
    for name in (MANIFEST, ABOUT, SEGMENTS):
        spoil(box.store.path(last, name))
    os.unlink(box.store.path(last, ABOUT))
    for wanted in ("latest", last):
        with pytest.raises(StateError, match=f"of which session the snapshot {last} is") as caught:
            choose(box.store, box.keys, wanted)
        assert "--session" in caught.value.next_step
    assert choose(box.store, box.keys, session=SESSION).snapshot["id"] == mine
    assert choose(box.store, box.keys, session="other").snapshot["id"] == other


def test_plain_files_that_contradict_one_another_say_no_session(box: Box) -> None:
    box.transcript.prompt("mine")
    other_session(box)
    last = box.take()
    spoil(box.store.path(last, MANIFEST))
    about = Path(box.store.path(last, ABOUT))
    about.write_bytes(about.read_bytes().replace(SESSION.encode(), b"other"))
    with pytest.raises(StateError, match="of which session"):
        choose(box.store, box.keys)


def test_the_record_says_the_session_whatever_the_plain_files_say(box: Box) -> None:
    box.transcript.prompt("mine")
    mine = box.take()
    other_session(box)
    about = Path(box.store.path(mine, ABOUT))
    about.write_bytes(about.read_bytes().replace(SESSION.encode(), b"other"))
    assert choose(box.store, box.keys, session=SESSION).snapshot["id"] == mine
    spoil(box.store.path(box.store.ids()[0], MANIFEST))
    with pytest.raises(StateError, match="no snapshot is good"):
        choose(box.store, box.keys)


def test_without_a_conversation_it_is_passed_over_and_said_why(box: Box) -> None:
    box.transcript.fill(20_000)
    full, size = box.take(), box.transcript.path.stat().st_size
    box.transcript.path.unlink()
    after = box.take()
    for needs in (Needs.CONVERSATION, Needs.STREAMS):
        choice = choose(box.store, box.keys, needs=needs)
        assert choice.snapshot["id"] == full
        assert "holds no conversation: the transcript" in choice.passed_over[after][0].what
        assert choice.fuller is None
    choice = choose(box.store, box.keys, needs=Needs.RECORD)
    assert choice.snapshot["id"] == after
    assert choice.fuller == (full, size)


def test_an_empty_conversation_is_none(box: Box) -> None:
    box.transcript.fill(20_000)
    full = box.take()
    os.truncate(box.transcript.path, 0)
    after = box.take()
    choice = choose(box.store, box.keys)
    assert choice.snapshot["id"] == full
    assert "is empty: the file became shorter" in choice.passed_over[after][0].what


def test_which_one_holds_more_is_said_until_this_one_holds_as_much(box: Box) -> None:
    box.transcript.fill(20_000)
    box.take()
    box.transcript.fill(20_000)
    full, size = box.take(), box.transcript.path.stat().st_size
    os.truncate(box.transcript.path, size // 2)
    for _ in range(2):
        box.transcript.prompt("on with it")
        newest = box.take()
        choice = choose(box.store, box.keys)
        assert choice.snapshot["id"] == newest
        assert choice.fuller == (full, size)
    other_session(box)
    box.transcript.fill(30_000)
    box.take()
    assert choose(box.store, box.keys, session=SESSION).fuller is None


def test_of_a_file_that_was_rewritten_the_one_before_is_named_though_it_is_shorter(box: Box) -> None:
    box.transcript.fill(20_000)
    full, size = box.take(), box.transcript.path.stat().st_size
    box.transcript.path.write_bytes(b'{"type":"other"}\n' * 5000)
    newest = box.take()
    choice = choose(box.store, box.keys)
    assert (choice.snapshot["id"], choice.fuller) == (newest, (full, size))
    spoil(segment(box, full))
    assert choose(box.store, box.keys).fuller is None


def removing(box: Box, count: int) -> Callable[[Verifier, str], object]:
    """A verifier beside which a capture ends and removes all snapshots but the newest, so many times."""
    left, opened = [count], Verifier.open

    def act(verifier: Verifier, snapshot_id: str) -> object:
        if left[0]:
            left[0] -= 1
            box.transcript.prompt("meanwhile")
            box.take()
            prune(box.store, SnapshotSettings()._replace(retention_count=1), SESSION)
        return opened(verifier, snapshot_id)

    return act


@pytest.mark.parametrize("session", ["", SESSION])
def test_what_a_capture_removes_meanwhile_is_no_damage(box: Box, session: str) -> None:
    box.transcript.prompt("hello")
    box.take()
    with mock.patch.object(Verifier, "open", removing(box, 1)):
        choice = choose(box.store, box.keys, session=session)
    assert (choice.snapshot["id"], choice.passed_over) == (box.store.ids()[0], {})
    with mock.patch.object(Verifier, "open", removing(box, 9)), pytest.raises(StateError, match="removed just now"):
        choose(box.store, box.keys, session=session)


def test_one_that_is_asked_for_and_goes_meanwhile_is_not_there(box: Box) -> None:
    box.transcript.prompt("hello")
    wanted = box.take()
    with mock.patch.object(Verifier, "open", removing(box, 1)), pytest.raises(StateError, match="no snapshot begins"):
        choose(box.store, box.keys, wanted)
