"""What the digest reads out of the real client's transcript, pinned: a client that writes it otherwise shows here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memguard.state.conversation import Conversation, read_conversation
from memguard.state.transcript import LineIndex

from .api_stand_in import ApiStandIn, Script, bash, text, tool_use
from .harness import PROMPT_MARK, Client, Home, WaitingTool
from .processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .terminal import Terminal

pytestmark = pytest.mark.e2e

QUESTION = {
    "question": "Which database?", "header": "DB", "multiSelect": False,
    "options": [{"label": "Postgres", "description": "big"}, {"label": "SQLite", "description": "small"}],
}  # fmt: skip
TODO_TOOLS = {"CLAUDE_CODE_ENABLE_TODO_TOOLS": "1"}


def read(home: Home) -> Conversation:
    (path,) = home.transcripts()
    index = LineIndex()
    index.feed(path.read_bytes())
    index.finish()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return read_conversation(descriptor, index)
    finally:
        os.close(descriptor)


def turn(terminal: Terminal, prompt: str, answer: str) -> None:
    terminal.send(prompt)
    terminal.wait_for(lambda screen: f"● {answer}" in screen)


def test_what_a_conversation_was_about_is_found_in_the_real_transcript(
    client: Client, api: ApiStandIn, home: Home, project: Path, tool: WaitingTool
) -> None:
    path = project / "denied.txt"
    work = [
        [bash("echo out; echo err >&2; exit 3")], [bash("cat /nonexistent")], [bash("true")],
        [bash(tool.command, run_in_background=True)],
        [tool_use("TaskCreate", {"subject": "write it", "description": "d"})],
        [tool_use("TaskUpdate", {"taskId": "1", "status": "in_progress"})],
        [text("worked on it")],
    ]  # fmt: skip
    api.reply = Script({
        "the work": work,
        "the question": [[tool_use("AskUserQuestion", {"questions": [QUESTION]})], [text("asked it")]],
        "the file": [[tool_use("Write", {"file_path": str(path), "content": "x"})], [text("left it")]],
    })  # fmt: skip
    with client.open(**TODO_TOOLS) as terminal:
        client.ready(terminal)
        turn(terminal, "please do the work", "worked on it")
        terminal.send("please ask the question")
        terminal.wait_for("Which database?")
        terminal.press_until("Down", lambda: f"{PROMPT_MARK} 2. SQLite" in terminal.screen())
        terminal.press_until("Enter", lambda: "● asked it" in terminal.screen())
        terminal.send("please write the file")
        terminal.wait_for("Do you want to create")
        terminal.press_until("Down", lambda: f"{PROMPT_MARK} 3. No" in terminal.screen())
        terminal.press("Tab")
        terminal.type("in the other folder")
        terminal.wait_for("in the other folder")
        terminal.press_until("Enter", lambda: "● left it" in terminal.screen())
        terminal.send("/compact")
        terminal.wait_for("Compacted")
        wait_until(lambda: read(home)["compactions"], "summary in the transcript")
        found = read(home)

    decisions = [(one["kind"], one["subject"], one["answer"]) for one in found["decisions"]]
    assert decisions == [
        ("answer", "Which database?", "SQLite"),
        ("refused", f"Write {path}", "in the other folder"),
    ]
    failures = [(one["command"], one["exit_code"], one["output"]) for one in found["failures"]]
    assert failures[0] == ("echo out; echo err >&2; exit 3", 3, "out\nerr")
    assert failures[1][:2] == ("cat /nonexistent", 1)
    assert [(one["kind"], one["what"]) for one in found["background"]] == [("command", tool.command)]
    assert found["todos"] == [{"text": "write it", "status": "in_progress"}]
    assert (found["files"], found["in_flight"]) == ([], [])
    assert [one["text"] for one in found["requests"]] == [
        "please do the work", "please ask the question", "please write the file",
    ]  # fmt: skip
    assert found["compactions"] == 1
    assert found["summary"]
    assert "Continue the conversation" not in found["summary"]
    assert (found["progress"]["phase"], found["last_text"]) == ("answered", "left it")
