"""A rebuilt conversation where the client looks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError, StateError
from memguard.state.resumable import client_folder, place
from tests.transcripts import SESSION, Box

OTHER = f"say {json.dumps({'sessionId': SESSION}, separators=(',', ':'))}"


def talked(box: Box) -> bytes:
    """A conversation with a sub-agent, captured; its file is then gone."""
    box.transcript.prompt(OTHER)
    box.transcript.says("said " * 300_000)
    agents = box.transcript.path.with_suffix("") / "subagents"
    agents.mkdir(parents=True)
    (agents / "agent-a1.jsonl").write_bytes(box.transcript.path.read_bytes()[:900_000] + b"\n")
    (agents / "agent-a1.meta.json").write_text("{}")
    box.take()
    content = box.transcript.path.read_bytes()
    box.transcript.path.unlink()
    return content


def placed(box: Box, folder: Path) -> str:
    return place(box.store, box.read(box.store.find("latest")), box.keys, str(folder)).session


def test_a_conversation_that_is_gone_is_back_under_its_own_id(box: Box, tmp_path: Path) -> None:
    content, folder = talked(box), tmp_path / "back"
    assert placed(box, folder) == SESSION
    path = folder / f"{SESSION}.jsonl"
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600
    agents = folder / SESSION / "subagents"
    assert sorted(found.name for found in agents.iterdir()) == ["agent-a1.jsonl", "agent-a1.meta.json"]


def test_one_that_is_there_stays_as_it_is_and_the_old_state_comes_beside_it(box: Box, tmp_path: Path) -> None:
    content, folder = talked(box), tmp_path / "back"
    folder.mkdir()
    (folder / f"{SESSION}.jsonl").write_text("the person has gone on")
    session = placed(box, folder)
    assert session != SESSION
    assert (folder / f"{SESSION}.jsonl").read_text() == "the person has gone on"
    lines = (folder / f"{session}.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["sessionId"] for line in lines] == [session] * 2
    assert json.loads(lines[0])["message"]["content"] == OTHER, "what somebody has written is left alone"
    assert b"\n".join(lines).replace(session.encode(), SESSION.encode()) + b"\n" == content
    assert (folder / session / "subagents" / "agent-a1.jsonl").exists()


def test_what_can_not_be_opened_leaves_nothing(box: Box, tmp_path: Path) -> None:
    talked(box)
    segment = next((Path(box.store.conversations) / SESSION / "agent-a1").glob("*.sealed"))
    segment.write_bytes(segment.read_bytes()[:-1])
    with pytest.raises(EnvelopeError):
        placed(box, tmp_path / "back")
    assert [path for path in (tmp_path / "back").rglob("*") if path.is_file()] == []


def test_a_snapshot_without_a_conversation_is_one_line(box: Box, tmp_path: Path) -> None:
    box.take(transcript="")
    with pytest.raises(StateError, match="no transcript"):
        placed(box, tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(("cwd", "name"), [("/work/x", "-work-x"), ("/home/me/a.b_c d", "-home-me-a-b-c-d")])
def test_the_clients_folder_is_named_after_the_working_directory(cwd: str, name: str) -> None:
    assert client_folder("/c", cwd) == f"/c/projects/{name}"


def test_a_folder_whose_name_the_client_would_cut_is_said() -> None:
    with pytest.raises(StateError, match="too long"):
        client_folder("/c", "/x" * 101)


def test_where_its_sub_agents_are_there_still_it_comes_under_a_new_id(box: Box, tmp_path: Path) -> None:
    """As the client leaves it where a transcript alone is deleted."""
    content, folder = talked(box), tmp_path / "back"
    agents = folder / SESSION / "subagents"
    agents.mkdir(parents=True)
    (agents / "agent-a1.jsonl").write_text("what the client has kept")
    session = placed(box, folder)
    assert session != SESSION
    assert (folder / f"{session}.jsonl").stat().st_size == len(content)
    assert (folder / session / "subagents" / "agent-a1.jsonl").exists()
    assert (agents / "agent-a1.jsonl").read_text() == "what the client has kept"


@pytest.mark.parametrize("is_taken", [False, True])
def test_torn_last_lines_are_left_out_of_every_file(box: Box, tmp_path: Path, *, is_taken: bool) -> None:
    box.transcript.prompt("hello")
    agents = box.transcript.path.with_suffix("") / "subagents"
    agents.mkdir(parents=True)
    (agents / "agent-a1.jsonl").write_bytes(box.transcript.path.read_bytes() + b'{"uuid":')
    whole = box.transcript.path.read_bytes()
    box.transcript.raw(f'{{"sessionId":"{SESSION}","message":'.encode())
    (tmp_path / "back" / SESSION).mkdir(parents=True) if is_taken else None
    back = place(box.store, box.read(box.take()), box.keys, str(tmp_path / "back"))
    assert (back.session == SESSION) is not is_taken
    for name in (f"{back.session}.jsonl", f"{back.session}/subagents/agent-a1.jsonl"):
        assert (tmp_path / "back" / name).read_bytes() == whole.replace(SESSION.encode(), back.session.encode())
    assert back.torn_bytes == len(f'{{"sessionId":"{SESSION}","message":') + len('{"uuid":')
