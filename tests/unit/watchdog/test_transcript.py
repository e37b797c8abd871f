"""What stands at the end of a transcript, and whether there is a conversation in it."""

from pathlib import Path

import pytest

from memguard.watchdog.transcript import has_message, last_permission_mode, transcript_tail


def _line(mode: str) -> str:
    return f'{{"type":"permission-mode","permissionMode":"{mode}","sessionId":"s"}}\n'


def test_the_last_mode_counts_and_a_torn_or_unknown_one_does_not(tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_text(_line("plan") + _line("default") + _line("root") + _line("auto")[:-9])
    assert last_permission_mode(str(transcript)) == "default"


def test_a_mode_planted_in_text_is_none(tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_text('{"type":"user","text":"x"}\n {"type":"permission-mode","permissionMode":"auto"}\n')
    assert last_permission_mode(str(transcript)) == ""


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "t").write_text(_line("plan"))
    (tmp_path / "link").symlink_to(tmp_path / "t")
    assert transcript_tail(str(tmp_path / "link")) == b""


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"type":"mode"}\n{"parentUuid":null,"type":"user","message":{}}\n{"type":"assi', True),
        (b'{"type":"user","message":{"content":"' + b"x" * 5_000_000 + b'"}}\n', True),
        (b"", False),
        (b'{"type":"mode"}\n{"type":"user","mess', False),
        (b'{"type":"queue-operation","of":{"type":"user"}}\n', False),
        (b'"type":"user"\n', False),
    ],
    ids=["a message", "one of 5 MB", "an empty file", "a torn one", "one inside another line", "no object"],
)
def test_a_conversation_is_a_whole_message_of_the_persons(tmp_path: Path, content: bytes, expected: bool) -> None:
    (tmp_path / "t.jsonl").write_bytes(content)
    assert has_message(str(tmp_path / "t.jsonl")) is expected
    assert not has_message(str(tmp_path / "none.jsonl"))
