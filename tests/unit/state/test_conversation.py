"""What a conversation was about."""

from __future__ import annotations

import os

import pytest

from memguard.state.conversation import MOST_REQUESTS, Conversation, read_conversation
from memguard.state.transcript import LineIndex
from tests.transcripts import Box
from tests.unit.state.test_redact import LETTERS, SECRETS


def read(box: Box) -> Conversation:
    index = LineIndex()
    index.feed(box.transcript.path.read_bytes())
    index.finish()
    descriptor = os.open(box.transcript.path, os.O_RDONLY)
    try:
        return read_conversation(descriptor, index)
    finally:
        os.close(descriptor)


def test_requests_are_what_the_person_typed(box: Box) -> None:
    box.transcript.prompt("please write the parser")
    box.transcript.prompt("<system-reminder>x</system-reminder>", isMeta=True)
    box.transcript.prompt("[Request interrupted by user]")
    box.transcript.prompt("a summary", isCompactSummary=True)
    box.transcript.prompt("<task-notification>done</task-notification>")
    box.transcript.prompt("of an agent", isSidechain=True)
    box.transcript.prompt("from a task", origin={"kind": "task"})
    box.transcript.prompt("<command-name>/review</command-name>\n<command-args>src</command-args>")
    box.transcript.message(
        "user", {"role": "user", "content": [{"type": "text", "text": "look at this"}, {"type": "image"}]}
    )
    box.transcript.entry(type="attachment", attachment={"type": "queued_command", "prompt": "and hurry"}, timestamp="t")
    found = read(box)
    assert [request["text"] for request in found["requests"]] == [
        "please write the parser", "/review src", "look at this", "and hurry",
    ]  # fmt: skip
    assert found["requests"][0]["time"] == "2026-11-23T02:08:19.267Z"
    assert (found["git_branch"], found["client_version"]) == ("main", "2.1.330")


def test_only_the_last_requests_count_and_each_is_cut(box: Box) -> None:
    for number in range(40):
        box.transcript.prompt(f"request {number} " + "x" * 100000)
    found = read(box)["requests"]
    assert len(found) == MOST_REQUESTS
    assert found[-1]["text"].startswith("request 39 ")
    assert all(len(request["text"]) <= 2000 for request in found)


def test_todo_items_of_both_kinds_that_are_open(box: Box) -> None:
    items = [("old", "pending")], [("a", "completed"), ("b", "in_progress"), ("c", "pending")]
    for todos in items:
        box.transcript.calls("TodoWrite", {"todos": [{"content": text, "status": status} for text, status in todos]})
    for number, subject in enumerate(["one", "two", "three"], 1):
        call = box.transcript.calls("TaskCreate", {"subject": subject, "description": "d"})
        box.transcript.result(
            call, "made", {"task": {"id": str(number), "subject": subject, "description": "d" * 5000}}
        )
    box.transcript.calls("TaskUpdate", {"taskId": "1", "status": "completed"})
    box.transcript.calls("TaskUpdate", {"taskId": "2", "status": "in_progress", "subject": "two, better"})
    box.transcript.calls("TaskUpdate", {"taskId": "3", "status": "deleted"})
    assert [(todo["text"], todo["status"]) for todo in read(box)["todos"]] == [
        ("b", "in_progress"), ("c", "pending"), ("two, better", "in_progress"),
    ]  # fmt: skip


def test_files_are_the_edited_ones_last_edited_last(box: Box) -> None:
    for tool, name in [("Write", "a"), ("Edit", "b"), ("Read", "no"), ("MultiEdit", "c"), ("Edit", "a")]:
        box.transcript.calls(tool, {"file_path": f"/x/{name}", "content": "y" * 3000})
    box.transcript.calls("NotebookEdit", {"notebook_path": "/x/n.ipynb"})
    assert read(box)["files"] == ["/x/b", "/x/c", "/x/a", "/x/n.ipynb"]


def test_a_call_without_a_result_is_in_flight_until_the_model_goes_on(box: Box) -> None:
    box.transcript.calls("Bash", {"command": "left open by an earlier restart"})
    box.transcript.says("going on")
    first = box.transcript.calls("Bash", {"command": "make"}, "msg_1")
    second = box.transcript.calls("Bash", {"command": "sleep " + "9" * 1000}, "msg_1")
    box.transcript.result(first, "done")
    calls = read(box)["in_flight"]
    assert [(call["tool"], call["tool_use_id"]) for call in calls] == [("Bash", second)]
    assert calls[0]["what"].startswith("sleep 999")
    assert len(calls[0]["what"]) == 400


def test_a_torn_last_line_is_said_and_costs_nothing_else(box: Box) -> None:
    box.transcript.prompt("do it")
    box.transcript.says("I will")
    whole = box.transcript.path.read_bytes()
    box.transcript.says("and then")
    torn = box.transcript.path.read_bytes()[:-20]
    box.transcript.path.write_bytes(torn)
    found = read(box)
    assert (found["is_torn"], found["last_text"], found["requests"][0]["text"]) == (True, "I will", "do it")
    box.transcript.path.write_bytes(whole)
    assert not read(box)["is_torn"]


def test_a_huge_line_is_read_by_its_beginning(box: Box) -> None:
    box.transcript.says("an answer " * 3_000_000)
    assert read(box)["last_text"].startswith("an answer an answer")
    assert len(read(box)["last_text"]) == 2000


def test_secrets_in_what_is_taken_out_are_redacted(box: Box) -> None:
    for secret in SECRETS.values():
        box.transcript.prompt(f"use {secret}")
    box.transcript.says(SECRETS["github-token"])
    box.transcript.calls("Bash", {"command": f"curl -H {SECRETS['anthropic-key']}"})
    found = str(read(box))
    assert LETTERS not in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"user"}', b'{"type":"user","message":null}', b'{"type":"user","message":{"content":[1,null,{}]}}',
        b'{"type":"assistant","message":{"content":[{"type":"tool_use"}]}}', b"\xff\xfe",
        b'{"type":"user","message":[]}',
        b'{"type":"assistant","message":{"content":[{"type":"tool_use","name":"TodoWrite","input":{"todos":[7,{}]}}]}}',
        b'{"type":"user","message":{"content":[]},"toolUseResult":{"task":{"subject":[]}}}', b"\0" * 100, b"[" * 3000,
        b'{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Edit","input":[]}]}}',
        b'{"type":"user","message":{"content":"\\ud800"}}',
    ],
)  # fmt: skip
def test_anything_unexpected_is_passed_over(box: Box, line: bytes) -> None:
    box.transcript.prompt("before")
    box.transcript.raw(line + b"\n")
    box.transcript.prompt("after")
    assert [request["text"] for request in read(box)["requests"]][::2][0] == "before"
    assert read(box)["requests"][-1]["text"] == "after"


def test_what_was_typed_during_a_turn_and_never_sent_is_kept(box: Box) -> None:
    box.transcript.prompt("do it")
    for operation, content in [("enqueue", "first"), ("enqueue", "second"), ("dequeue", ""), ("enqueue", "third")]:
        box.transcript.entry(type="queue-operation", operation=operation, content=content)
    assert [request["text"] for request in read(box)["unsent"]] == ["second", "third"]
    box.transcript.entry(type="queue-operation", operation="popAll")
    assert read(box)["unsent"] == []
