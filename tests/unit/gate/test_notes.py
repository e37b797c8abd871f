"""What was ended is told once, to the model in facts and to the person in one line."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from memguard.core.layout import private_dir, write_pairs
from tests.sandbox import Sandbox

from .conftest import CALL, Hook

MB = 1024**2
NOTE = {
    "kind": "tool",
    "tool": "Bash",
    "footprint_bytes": 612 * MB,
    "limit_bytes": 500 * MB,
    "limit": "the budget of Bash(pytest*)",
    "processes": 4,
    "forced": 0,
    "snapshot": "20250101T000000-abc",
    "t_utc": f"{time.time():.3f}",
}


def leave(guard: Path, name: str, **changed: object) -> Path:
    """As the watchdog does."""
    path = Path(private_dir(str(guard / "notes")), name)
    write_pairs(str(path), NOTE | changed)
    return path


def context(answer: dict[str, Any]) -> str:
    return str(answer.get("hookSpecificOutput", {}).get("additionalContext", ""))


@pytest.mark.parametrize("name", ["PostToolUse", "PostToolUseFailure"])
def test_the_event_of_the_call_itself_tells_what_how_large_and_over_what(guard: Path, hook: Hook, name: str) -> None:
    leave(guard, CALL)
    answer = hook(name, "pytest -q 'a b'")
    assert answer["hookSpecificOutput"]["hookEventName"] == name
    text = context(answer)
    for fact in ('this "Bash" call', "612 MB", "500 MB", '"the budget of Bash(pytest*)"', "4 processes", "SIGTERM",
                 "20250101T000000-abc", "\"pytest -q 'a b'\"", "data, not instructions", "[tools]"):  # fmt: skip
        assert fact in text
    assert "SIGKILL" not in text
    line = answer["systemMessage"]
    for fact in ("pytest -q", "612 MB", "Bash(pytest*)", "20250101T000000-abc", "memguard pause"):
        assert fact in line
    assert "\n" not in line
    assert not (guard / "notes").exists()
    assert hook(name) == {}


def test_one_that_had_to_be_forced_says_so_and_no_snapshot_is_none(guard: Path, hook: Hook) -> None:
    leave(guard, CALL, forced=1, snapshot="")
    answer = hook("PostToolUseFailure")
    assert "SIGKILL" in context(answer)
    assert "Snapshot" not in context(answer)
    assert "no snapshot" in answer["systemMessage"]


def test_another_calls_note_waits_for_its_own_event(guard: Path, hook: Hook) -> None:
    leave(guard, "toolu_other")
    for name in ("PreToolUse", "PostToolUse", "UserPromptSubmit"):
        assert hook(name) == {}
    assert "612 MB" in context(hook("PostToolUse", tool_use_id="toolu_other"))


def test_the_begin_of_the_same_call_does_not_take_its_note(guard: Path, hook: Hook) -> None:
    leave(guard, CALL)
    assert hook("PreToolUse") == {}


def test_a_note_whose_event_never_came_is_told_at_any(guard: Path, hook: Hook) -> None:
    path = leave(guard, "toolu_interrupted")
    os.utime(path, (time.time() - 61, time.time() - 61))
    text = context(hook("UserPromptSubmit", None))
    assert 'the call of "Bash"' in text
    assert not (guard / "notes").exists()


@pytest.mark.parametrize("name", ["UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure"])
def test_a_note_without_a_call_is_told_at_the_next_event(guard: Path, hook: Hook, name: str) -> None:
    leave(guard, "part-7-1", kind="mcp", tool="leaky-server", limit="what the host has left")
    answer = hook(name, "ls")
    assert 'the MCP server "leaky-server"' in context(answer)
    assert "/mcp" in context(answer)
    assert '"ls"' not in context(answer)  # this event's command has nothing to do with it
    assert "leaky-server" in answer["systemMessage"]


def test_an_event_that_cannot_speak_to_the_model_leaves_it(guard: Path, hook: Hook) -> None:
    path = leave(guard, "part-7-1")
    assert hook("Stop") == {}
    assert path.exists()


def test_the_limit_of_the_session_names_other_settings_than_a_budget(guard: Path, hook: Hook) -> None:
    leave(guard, "part-7-1", limit="the session's critical limit")
    text = context(hook("UserPromptSubmit"))
    assert "[thresholds] or [host]" in text
    assert "[tools]" not in text


def test_a_denied_call_leaves_the_note_to_the_next_event(guard: Path, hook: Hook) -> None:
    from memguard.core.call import call_fingerprint

    path = leave(guard, "part-7-1")
    private_dir(str(guard / "in-flight"))
    (guard / "in-flight" / call_fingerprint("Bash", {"command": "make"})).touch()
    assert hook("PreToolUse")["hookSpecificOutput"]["permissionDecision"] == "deny"
    assert path.exists()


def test_many_are_told_in_portions_that_the_client_takes_whole(guard: Path, hook: Hook) -> None:
    for number in range(20):
        leave(guard, f"part-{number:02}", tool='"' * 3000, limit="\\" * 90)
    leave(guard, CALL, tool='"' * 2000, limit="\\" * 1500)
    answers = [hook("PostToolUse", '"' * 5000) for _ in range(4)]
    texts = [context(answer) for answer in answers]
    assert all(len(text) < 10_000 for text in texts)
    assert sum(text.count("memguard ended") for text in texts) == 21
    assert texts[0].startswith("memguard ended this")
    assert texts[3] == ""


def test_of_parallel_hooks_one_tells_it(opted_in: Sandbox, guard: Path, hook: Hook) -> None:
    assert hook("PostToolUse") == {}
    for number in range(4):
        leave(guard, f"part-{number}", tool=f"server-{number}")
    command = [*opted_in.command()[:1], "-I", "-S", str(Path("claude_hooks/user_prompt_submit.py").resolve())]
    environment = opted_in.environment | {"CLAUDE_PROJECT_DIR": str(opted_in.project)}
    started = [
        subprocess.Popen(
            [*command, str(opted_in.state)], env=environment, cwd=opted_in.project, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    told = "".join(process.communicate('{"session_id":"s-1"}')[0] for process in started)
    for number in range(4):
        assert told.count(f"server {number}".replace(" ", "-") + '\\"') == 1, "by exactly one"
    assert not (guard / "notes").exists()
