"""The stand-in for Claude Code: it runs the hooks and tools of a session, and ends with the test."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from memguard.testing import fixtures
from memguard.testing.leaky_client import LeakyClient
from memguard.testing.waiting import wait_until

RECORDS = 'read line; echo "$line" >> "$1"'


def record(client: LeakyClient, *events: str) -> Path:
    """Have these events written to a file, as a hook reads them."""
    path = client.project / "events"
    for event in events:
        client.hook(event, ["/bin/sh", "-c", RECORDS, "sh", str(path)])
    return path


def test_it_runs_the_hooks_of_its_project(tmp_path: Path) -> None:
    client = LeakyClient(tmp_path)
    events = record(client, "SessionStart", "PreToolUse", "PostToolUse", "Stop", "SessionEnd")
    assert "step 2 of 2 done" in client.run("count", steps=2)
    seen = [json.loads(line) for line in events.read_text().splitlines()]
    tool = ["PreToolUse", "PostToolUse"]
    assert [event["hook_event_name"] for event in seen] == ["SessionStart", *tool, *tool, "Stop", "SessionEnd"]
    assert (client.project / "steps.txt").read_text() == "1\n2\n"
    assert [line["type"] for line in client.transcript()].count("assistant") == 2


def test_a_hook_can_deny_a_call(tmp_path: Path) -> None:
    client = LeakyClient(tmp_path)
    denial = {"hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": "not today"}
    client.hook("PreToolUse", ["/bin/echo", json.dumps({"hookSpecificOutput": denial})])
    client.run(tool="touch made")
    assert not (client.project / "made").exists()
    assert "not today" in json.dumps(client.transcript())


def test_a_tool_is_a_process_with_the_clients_variables(tmp_path: Path) -> None:
    client = LeakyClient(tmp_path)
    client.run(tool='echo "$CLAUDE_PID $PPID $HOME ${CLAUDE_PROJECT_DIR-none}" > said')
    pid, parent, home, project = (client.project / "said").read_text().split()
    assert (pid, home, project) == (parent, str(client.home), "none")


def test_nothing_of_a_session_around_the_test_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "theirs"))
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "theirs")
    client = LeakyClient(tmp_path)
    client.run()
    assert not (tmp_path / "theirs").exists()
    assert not [value for value in client.environment.values() if "theirs" in value]


def test_a_session_that_fails_or_hangs_is_an_error(tmp_path: Path) -> None:
    client = LeakyClient(tmp_path)
    with pytest.raises(subprocess.CalledProcessError):
        client.run("--steps", "x")
    with pytest.raises(subprocess.TimeoutExpired):
        client.run("--hold", timeout_s=0.5)
    client.end()


@pytest.mark.parametrize("options", [("--hold",), ("--hold", "--ignore-term")])
def test_what_still_runs_at_the_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setattr("memguard.testing.leaky_client._END_S", 0.5)
    with fixtures.leaky_client(tmp_path) as client:
        process = client.start(*options)
        wait_until(lambda: list(client.home.glob(".claude/projects/*/*.jsonl")), "its transcript")
        assert process.poll() is None
    assert process.returncode is not None
    assert not os.path.exists(f"/proc/{process.pid}")


def test_it_leaks_what_it_is_told_to(tmp_path: Path) -> None:
    from memguard.host.linux import read_tree

    client = LeakyClient(tmp_path)
    process = client.start("--hold", leak_mb=60)
    wait_until(lambda: read_tree(process.pid).footprint_bytes > 60 << 20, "60 MB")
    client.end()
