"""What the client noted last."""

from pathlib import Path

from memguard.watchdog.transcript import last_permission_mode, transcript_tail


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
