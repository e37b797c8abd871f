"""A hook's stdin is a stranger's: whatever it is, the client goes on and nothing is written outside our folders."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox import Sandbox

SESSION = "11111111-2222-3333-4444-555555555555"


def _event(**fields: object) -> bytes:
    event = {
        "session_id": SESSION,
        "cwd": "/",
        "permission_mode": "default",
        "hook_event_name": "PostToolUse",
        **fields,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _files(*folders: Path) -> set[str]:
    return {os.path.join(parent, name) for folder in folders for parent, _, files in os.walk(folder) for name in files}


@pytest.mark.parametrize(
    ("stdin", "is_logged"),
    [
        (b"", True),
        (b"not json", True),
        (b"\xff\xfe\x00", True),
        (_event()[:-20], True),
        (_event(session_id="../../x"), True),
        (_event(session_id="x" * 10_000), True),
        (_event(session_id="a\0b"), True),
        (_event(session_id=".."), True),
        (_event(session_id="-rf"), True),
        (_event(session_id=7), True),
        (b"[" * 100_000, True),
        (_event(tool_name="Bash\n\x1b[2J", tool_use_id="../x"), False),
        (_event(tool_input={"content": "x" * 50_000_000}), False),
    ],
    ids=[
        "empty", "no-json", "bytes", "truncated", "id-leaves-folder", "id-too-long", "id-with-nul", "id-is-parent",
        "id-is-a-flag", "id-is-a-number", "deep", "control-characters", "50-megabytes",
    ],
)  # fmt: skip
def test_the_hook_exits_zero_and_writes_only_into_its_own_folders(
    opted_in: Sandbox, tmp_path: Path, stdin: bytes, is_logged: bool
) -> None:
    before = _files(tmp_path)
    done = opted_in.hook("post_tool_use", stdin)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b""
    written = _files(tmp_path) - before
    assert all(path.startswith((str(opted_in.state), str(opted_in.runtime / "memguard"))) for path in written)
    lines = [line for line in opted_in.log() if "not an event of Claude Code" in line]
    assert len(lines) == int(is_logged)
    assert all(line.isprintable() for line in opted_in.log())
    assert all(str(reading["tool"]).isprintable() for reading in opted_in.spool())


def _start(opted_in: Sandbox, transcript: str, pid: int) -> str:
    """What the hook recorded of the session's transcript path."""
    done = opted_in.hook("session_start", _event(transcript_path=transcript, source="startup"), CLAUDE_PID=str(pid))
    assert done.returncode == 0
    records = [path for guard in opted_in.guards() for path in guard.glob(f"sessions/{SESSION}")]
    return records[0].read_text().splitlines()[0].removeprefix("transcript=")


def test_a_transcript_in_the_clients_folder_is_taken(opted_in: Sandbox) -> None:
    path = opted_in.home / ".claude" / "projects" / "-p" / f"{SESSION}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("{}\n")
    assert _start(opted_in, str(path), os.getpid()) == str(path)


@pytest.mark.parametrize("kind", ["outside", "link", "other-session", "parent-folders", "relative"])
def test_any_other_transcript_path_is_refused_and_logged(opted_in: Sandbox, tmp_path: Path, kind: str) -> None:
    folder = opted_in.home / ".claude" / "projects" / "-p"
    folder.mkdir(parents=True)
    secret = tmp_path / f"{SESSION}.jsonl"
    secret.write_text("secret")
    (folder / f"{SESSION}.jsonl").symlink_to(secret)
    path = {
        "outside": str(secret),
        "link": str(folder / f"{SESSION}.jsonl"),
        "other-session": str(folder / "other.jsonl"),
        "parent-folders": f"{folder}/../../../../{SESSION}.jsonl",
        "relative": f"projects/-p/{SESSION}.jsonl",
    }[kind]
    assert _start(opted_in, path, os.getpid()) == ""
    assert any("transcript path refused" in line for line in opted_in.log())
