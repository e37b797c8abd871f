"""Hooks as the client runs them, with this test process as the client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.own_guard import own_guard
from tests.sandbox import Sandbox

SESSION = "11111111-2222-3333-4444-555555555555"
CALL = "toolu_01A09q90qw90lq917835lq9"
SCRIPTS = {
    "PreToolUse": "pre_tool_use",
    "PostToolUse": "post_tool_use",
    "PostToolUseFailure": "post_tool_use_failure",
    "UserPromptSubmit": "user_prompt_submit",
    "Stop": "stop",
}
Hook = Callable[..., dict[str, Any]]


@pytest.fixture
def guard(opted_in: Sandbox) -> Iterator[Path]:
    """The folder of a guard whose client is this process."""
    with own_guard(opted_in) as folder:
        yield folder


@pytest.fixture
def hook(opted_in: Sandbox, guard: Path) -> Hook:
    """Runs one event's hook; what it answered, {} for nothing. It has to leave with 0 and an empty stderr."""
    assert guard.is_dir()

    def run(name: str, command: str | None = "make", **fields: object) -> dict[str, Any]:
        event: dict[str, object] = {"session_id": SESSION, "hook_event_name": name, "tool_name": "Bash"}
        if command is not None:
            event["tool_input"] = {"command": command}
        event |= {"tool_use_id": CALL, **fields}
        done = opted_in.hook(SCRIPTS[name], json.dumps(event, separators=(",", ":")).encode())
        assert (done.returncode, done.stderr) == (0, b"")
        answer: dict[str, Any] = json.loads(done.stdout or b"{}")
        return answer

    return run
