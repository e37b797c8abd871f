"""A capture seals what is new, and names what was sealed before."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from memguard.state.keys import public_key
from memguard.state.keys.current import rotate
from memguard.state.reuse import FIRST, OTHER_KEY, OTHER_PRIVACY, OTHER_RULES, SEGMENT_GONE
from memguard.state.segment import SEGMENT_BYTES, SHORT_BYTES
from memguard.state.snapshot import TranscriptPart
from memguard.state.source import Source
from memguard.state.verify import verify
from tests.transcripts import SESSION, Box, Transcript
from tests.unit.state.test_redact import SECRETS


def ranges(part: TranscriptPart) -> list[tuple[int, int]]:
    return [(segment["start"], segment["end"]) for segment in part["segments"]]


def names(part: TranscriptPart) -> list[str]:
    return [segment["name"] for segment in part["segments"]]


def test_a_long_conversation_is_cut_at_the_first_line_end_after_4_mib(box: Box) -> None:
    box.transcript.fill(2 * SEGMENT_BYTES + 100_000)
    data = box.transcript.path.read_bytes()
    main = box.main(box.take())
    ends = [end for _, end in ranges(main)]
    assert main["begun"] == FIRST
    assert len(ends) == 3
    assert ends[0] == data.index(b"\n", SEGMENT_BYTES - 1) + 1
    assert ends[2] == len(data)
    assert box.told() == data


def test_a_second_capture_seals_in_proportion_to_what_is_new(box: Box) -> None:
    box.transcript.fill(6_000_000)
    first = box.main(box.take())
    before = box.segments()
    mtimes = {path: path.stat().st_mtime_ns for path in box.cursor().parent.glob("*.sealed")}
    box.transcript.fill(100_000)
    second = box.main(box.take())
    new = box.segments().keys() - before.keys()
    assert second["begun"] == ""
    assert names(second)[: len(names(first))] == names(first)
    [added] = second["segments"][len(first["segments"]) :]
    assert (added["start"], added["end"]) == (first["size_bytes"], box.transcript.path.stat().st_size)
    assert new == {added["name"]}
    assert {name: box.segments()[name] for name in before} == before
    assert {path: path.stat().st_mtime_ns for path in mtimes} == mtimes
    assert box.told() == box.transcript.path.read_bytes()


def test_many_short_turns_stay_few_segments(box: Box) -> None:
    """Each capture seals no more than 256 KiB of old content again."""
    for turn in range(30):
        box.transcript.fill(30_000)
        main = box.main(box.take())
        last = main["segments"][-1]
        assert last["end"] - last["start"] < SHORT_BYTES + 60_000
        assert len(main["segments"]) <= main["size_bytes"] // SHORT_BYTES + 1, turn
    assert box.told() == box.transcript.path.read_bytes()
    for snapshot_id in box.store.ids():
        assert box.transcript.path.read_bytes().startswith(box.told(snapshot_id))


def test_nothing_new_seals_nothing(box: Box) -> None:
    box.transcript.fill(100_000)
    first = box.main(box.take())
    sealed = box.segments()
    second = box.main(box.take())
    assert (second["segments"], second["begun"], box.segments()) == (first["segments"], "", sealed)


def test_a_torn_last_line_is_kept_and_completed_by_the_next_capture(box: Box) -> None:
    box.transcript.prompt("whole")
    whole = box.transcript.path.stat().st_size
    box.transcript.raw(b'{"type":"user","mess')
    torn = box.take()
    assert box.told(torn) == box.transcript.path.read_bytes()
    assert box.read(torn)["conversation"]["is_torn"]
    assert ranges(box.main(torn)) == [(0, whole), (whole, whole + 20)]
    box.transcript.raw(b'age":{"role":"user","content":"completed"}}\n')
    complete = box.take()
    assert box.told(complete) == box.transcript.path.read_bytes()
    assert (box.main(complete)["begun"], ranges(box.main(complete))) == ("", [(0, box.transcript.path.stat().st_size)])
    conversation = box.read(complete)["conversation"]
    assert (conversation["is_torn"], conversation["lines"]) == (False, 2)
    assert [request["text"] for request in conversation["requests"]] == ["whole", "completed"]
    assert box.told(torn).endswith(b'"mess')


def test_a_torn_line_that_stays_is_in_every_snapshot(box: Box) -> None:
    box.transcript.raw(b'{"never":"ended')
    for _ in range(3):
        assert box.told(box.take()) == b'{"never":"ended'
    box.transcript.raw(b'"}\n')
    assert box.told(box.take()) == b'{"never":"ended"}\n'


def test_the_conversation_goes_on_where_it_was_read_to(box: Box) -> None:
    """What is told of a conversation does not depend on how many captures it took."""
    (box.folder / "at-once").mkdir()
    other = Box(box.folder / "at-once")
    for turn in range(8):
        box.transcript.prompt(f"request {turn}")
        box.transcript.result(box.transcript.calls("Edit", {"file_path": f"/x/{turn}.py"}), "done")
        box.transcript.fill(80_000)
        box.take()
    shutil.copy(box.transcript.path, other.transcript.path)
    other.take()
    told, at_once = box.read(box.store.ids()[0]), other.read(other.store.ids()[0])
    assert told["conversation"] == at_once["conversation"]
    assert len(told["conversation"]["files"]) == 8


def test_each_sub_agent_is_a_stream_of_its_own(box: Box) -> None:
    box.transcript.prompt("delegate")
    folder = box.transcript.path.with_suffix("") / "subagents"
    agents = [Transcript(folder / f"agent-a{number}.jsonl") for number in range(3)]
    (folder / "agent-a0.meta.json").write_text('{"agentType":"general-purpose","finished":true}')
    (folder / "notes.txt").write_text("not a transcript")
    for agent in agents:
        agent.prompt("look around with " + SECRETS["github-token"])
    first = box.read(box.take())
    assert [part["name"] for part in first["transcripts"]] == ["main", "agent-a0", "agent-a1", "agent-a2"]
    assert json.loads(first["transcripts"][1]["meta"])["finished"]
    agents[1].prompt("further")
    second = box.read(box.take())
    for before, after in zip(first["transcripts"], second["transcripts"], strict=True):
        assert after["begun"] == ""
        assert (before["segments"] == after["segments"]) == (after["name"] != "agent-a1")
    text = box.told(name="agent-a1")
    assert b"[redacted:github-token]" in text
    assert [json.loads(line)["message"]["content"] for line in text.splitlines()][1] == "further"
    assert verify(box.store, second["id"], box.keys) == []


def test_a_sub_agent_that_cannot_be_read_is_said_and_the_others_are_captured(box: Box, tmp_path: Path) -> None:
    folder = box.transcript.path.with_suffix("") / "subagents"
    Transcript(folder / "agent-good.jsonl").prompt("hello")
    (tmp_path / "elsewhere").write_text("secret")
    (folder / "agent-link.jsonl").symlink_to(tmp_path / "elsewhere")
    (folder / "agent-odd name.jsonl").write_text("{}\n")
    (folder / "agent-folder.jsonl").mkdir()
    snapshot = box.read(box.take())
    assert [part["name"] for part in snapshot["transcripts"]] == ["main", "agent-good"]
    said = " ".join(snapshot["missing"])
    assert "is a link" in said
    assert "not a plain file" in said
    assert "1 sub-agents" in said


def test_an_exact_snapshot_is_the_file_byte_for_byte(box: Box) -> None:
    box.compile(privacy="exact")
    for secret in SECRETS.values():
        box.transcript.prompt(f"use {secret} please")
    snapshot = box.read(box.take())
    assert box.told() == box.transcript.path.read_bytes()
    assert (snapshot["privacy"], snapshot["transcripts"][0]["redactions"]) == ("exact", 0)
    for path in box.files():
        for secret in SECRETS.values():
            assert secret.encode() not in path.read_bytes()


def test_another_privacy_begins_afresh_and_the_old_snapshot_stays(box: Box) -> None:
    box.transcript.prompt(f"use {SECRETS['github-token']} please")
    redacted = box.take()
    box.compile(privacy="exact")
    exact = box.take()
    assert box.main(exact)["begun"] == OTHER_PRIVACY
    assert set(names(box.main(exact))).isdisjoint(names(box.main(redacted)))
    box.compile(privacy="redacted")
    assert box.main(box.take())["begun"] == OTHER_PRIVACY
    assert b"[redacted:github-token]" in box.told(redacted)
    assert b"[redacted:github-token]" in box.told()
    assert box.told(exact) == box.transcript.path.read_bytes()


def test_other_rules_begin_afresh(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.transcript.prompt("hello")
    box.take()
    monkeypatch.setattr("memguard.state.redact.rules.OWN_VERSION", 99)
    assert box.main(box.take())["begun"] == OTHER_RULES
    assert box.main(box.take())["begun"] == ""


def test_another_key_begins_afresh(box: Box) -> None:
    box.transcript.prompt("hello")
    first = box.take()
    old = public_key(str(box.state))
    rotate(str(box.state), "private")
    assert public_key(str(box.state)) != old
    second = box.take()
    assert box.main(second)["begun"] == OTHER_KEY
    assert box.told(first) == box.told(second) == box.transcript.path.read_bytes()


@pytest.mark.parametrize("fault", ["gone", "cut", "flipped"])
def test_a_spoilt_segment_is_not_built_upon(box: Box, fault: str) -> None:
    box.transcript.fill(100_000)
    first = box.take()
    [name] = names(box.main(first))
    path = box.cursor().with_name(f"{name}.sealed")
    data = path.read_bytes()
    path.unlink() if fault == "gone" else path.write_bytes(
        data[:-1] if fault == "cut" else data[:500] + b"!" + data[501:]
    )
    second = box.take()
    assert box.main(second)["begun"] == SEGMENT_GONE
    assert box.told(second) == box.transcript.path.read_bytes()
    assert verify(box.store, second, box.keys) == []
    assert verify(box.store, first, box.keys)[0].path == str(path)


def test_the_segments_outlive_the_transcript(box: Box) -> None:
    box.transcript.fill(200_000)
    snapshot_id, data = box.take(), box.transcript.path.read_bytes()
    box.transcript.path.unlink()
    without = box.take()
    assert not box.main(without)["is_sealed"]
    assert box.told(snapshot_id) == data


def test_a_session_resumed_elsewhere_by_copy_goes_on_once_all_of_it_was_compared(box: Box) -> None:
    box.transcript.fill(5_000_000)
    first = box.main(box.take())
    copy = box.transcript.path.with_suffix(".copy")
    shutil.copy(box.transcript.path, copy)
    os.replace(copy, box.transcript.path)
    box.transcript.prompt("more")
    second = box.main(box.take())
    assert (second["begun"], names(second)[:1]) == ("", names(first)[:1])


def test_a_file_that_nobody_has_written_to_is_soon_not_read_at_all(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        box.transcript.fill(300_000)
        box.take()
    monkeypatch.setattr("memguard.state.source._SETTLED_NS", -1)
    for _ in range(4):
        box.take()
    read: list[tuple[int, int]] = []
    digest = Source.digest

    def noted(source: Source, start: int, stop: int, key: bytes) -> str:
        read.append((start, stop))
        return digest(source, start, stop, key)

    monkeypatch.setattr(Source, "digest", noted)
    assert box.main(box.take())["begun"] == ""
    assert read == [(0, 1024)]
    box.transcript.prompt("more")
    box.take()
    assert max(stop - start for start, stop in read) > 100_000


def test_the_cursor_is_private_and_holds_no_text(box: Box) -> None:
    box.transcript.prompt("words of the person")
    box.take(cwd="/some/where/secret")
    text = box.cursor().read_text()
    assert box.cursor().stat().st_mode & 0o777 == 0o600
    for word in ("words", "person", str(box.transcript.path), SESSION, "where"):
        assert word not in text
