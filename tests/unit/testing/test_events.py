"""The events of a session, as a test of a hook makes them; that they are the client's, tests/e2e shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memguard.gate.event import Payload
from memguard.testing.events import SESSION_ID, Event, EventFactory
from tests.sandbox import Sandbox


@pytest.fixture
def events() -> EventFactory:
    return EventFactory(cwd="/work/my shop")


def test_what_a_hook_reads_is_one_line_of_compact_json(events: EventFactory) -> None:
    event = events.user_prompt_submit('say "hé\u2028llo"\n')
    assert event.stdin.endswith(b"}\n")
    assert event.stdin.count(b"\n") == 1
    assert b'", "' not in event.stdin.replace(b'say \\"h', b"")
    assert json.loads(event.stdin) == event
    assert next(iter(event)) == "session_id"


def test_it_is_the_same_in_each_run(events: EventFactory) -> None:
    again = EventFactory(cwd="/work/my shop")
    for factory in (events, again):
        factory.user_prompt_submit("one")
    assert events.pre_tool_use() == again.pre_tool_use()
    assert events.session_id == SESSION_ID


def test_what_ends_a_call_names_the_call(events: EventFactory) -> None:
    first, second = events.pre_tool_use("Bash", {"command": "make"}), events.pre_tool_use("Read", {"file_path": "/x"})
    assert first["tool_use_id"] != second["tool_use_id"]
    over = events.post_tool_use(first, {"stdout": "done"})
    failed = events.post_tool_use_failure(second, "File does not exist.")
    assert (over["tool_use_id"], over["tool_input"]) == (first["tool_use_id"], {"command": "make"})
    assert (failed["tool_use_id"], failed["tool_name"]) == (second["tool_use_id"], "Read")
    assert (over["tool_response"], failed["error"]) == ({"stdout": "done"}, "File does not exist.")


def test_an_input_without_anything_in_it_stays_so(events: EventFactory) -> None:
    assert events.pre_tool_use("ListAgents", {})["tool_input"] == {}


def test_each_prompt_begins_another_and_the_first_events_have_none(events: EventFactory) -> None:
    assert "prompt_id" not in events.session_start()
    first = events.user_prompt_submit("one")["prompt_id"]
    assert events.pre_tool_use()["prompt_id"] == events.stop()["prompt_id"] == first
    assert events.user_prompt_submit("two")["prompt_id"] != first


def test_a_subagent_is_told_by_its_own_fields(events: EventFactory) -> None:
    events.user_prompt_submit("one")
    inside = events.in_subagent("Explore")
    call = inside.pre_tool_use()
    assert call["agent_type"] == "Explore"
    assert call["agent_id"] in inside.subagent_stop()["agent_transcript_path"]
    after = events.pre_tool_use()
    assert "agent_id" not in after
    assert after["tool_use_id"] != call["tool_use_id"]
    assert events.in_subagent().agent != inside.agent


def test_any_field_can_be_added_or_replaced(events: EventFactory) -> None:
    event = events.stop(background_tasks=[{"id": "b1"}], of_a_later_client=1)
    assert (event["background_tasks"], event["of_a_later_client"]) == ([{"id": "b1"}], 1)
    del event["session_crons"]
    assert b"session_crons" not in event.stdin


def test_memguards_own_reader_finds_its_fields_in_them(events: EventFactory) -> None:
    """Without parsing, as in a quiet hook."""
    event = events.pre_tool_use("Bash", {"command": 'echo "tool_name":"x"'})
    payload = Payload(event.stdin, event.stdin, len(event.stdin))
    assert (payload.first("session_id"), payload.first("tool_name")) == (SESSION_ID, "Bash")
    assert payload.last("tool_use_id") == event["tool_use_id"]
    assert payload.command() == 'echo "tool_name":"x"'


@pytest.mark.parametrize("name", ["pre_tool_use", "stop", "session_start"])
def test_memguards_own_hooks_take_them(opted_in: Sandbox, name: str) -> None:
    factory = EventFactory(str(opted_in.project), config_dir=str(opted_in.home / ".claude"))
    event: Event = getattr(factory, name)()
    done = opted_in.hook(name, event.stdin, **factory.environment(event))
    assert (done.returncode, done.stderr) == (0, b"")
    assert opted_in.log() == []
    assert [(line["event"], line["client_pid"]) for line in opted_in.spool()] == [(event.name, os.getpid())]


def test_without_a_pid_the_test_itself_is_the_client(events: EventFactory) -> None:
    assert events.environment(events.stop())["CLAUDE_PID"] == str(os.getpid())
    assert events.environment(events.stop(), 7)["CLAUDE_PID"] == "7"


def test_making_events_needs_none_of_the_heavy_half() -> None:
    code = (
        "import sys, memguard.testing.events as e; e.EventFactory(); print([n for n in sys.modules if 'pydantic' in n])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).anchor
    )
    assert done.stdout == "[]\n"
