"""The events of `memguard.testing` are what the real client writes: fields, their order and kinds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from memguard.testing.events import CLIENT_VERSION, Event, EventFactory

from .api_stand_in import ApiStandIn, Script, bash, text, tool_use
from .harness import EVENTS, VERSION, Client, RecordingHooks, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.e2e

# What the client asks for when it compacts.
SUMMARY = "summary"


def record(client: Client, api: ApiStandIn, hooks: RecordingHooks) -> None:
    """A session with each event: calls that succeed and fail, a subagent, a compaction, an end, and a resumption."""
    agent = tool_use("Agent", {"description": "look", "prompt": "sub work", "subagent_type": "general-purpose"})
    turn = [[bash("true")], [bash("exit 3")], [agent], [text("all done")]]
    steps = {"run it": turn, "sub work": [[bash("echo sub")], [text("sub done")]], SUMMARY: [[text("short")]]}
    api.reply = Script(steps)
    with client.open() as terminal:
        session = client.ready(terminal)["sessionId"]
        terminal.send("please run it")
        hooks.wait_for("SubagentStop")
        hooks.wait_for("Stop", 2)  # the second says that the subagent is done
        client.home.wait_for_session("idle")
        terminal.send("/compact")
        wait_until(lambda: sources(hooks) == ["startup", "compact"], "the compaction", seen=terminal.screen)
        client.home.wait_for_session("idle")
        terminal.send("/exit")
        terminal.wait_for_exit()
    with client.open("--resume", session) as terminal:
        client.ready(terminal)
        terminal.send("/exit")
        terminal.wait_for_exit()
    hooks.wait_for("SessionEnd", 2)


def sources(hooks: RecordingHooks) -> list[str]:
    return [str(event["source"]) for event in hooks.seen("SessionStart")]


def made_like(factory: EventFactory, seen: dict[str, Any], calls: dict[str, Event]) -> Event:
    """What the factory makes of such an event; `calls` keeps those that have begun."""
    inside = factory.in_subagent(seen["agent_type"]) if "agent_id" in seen else factory
    if "tool_use_id" in seen:
        return of_call(inside, seen, calls)
    made: dict[str, Callable[[], Event]] = {
        "SessionStart": lambda: factory.session_start(seen["source"]),
        "UserPromptSubmit": lambda: factory.user_prompt_submit(seen["prompt"]),
        "PreCompact": lambda: factory.pre_compact(seen["trigger"]),
        "Stop": lambda: factory.stop(background_tasks=seen["background_tasks"]),
        "SubagentStop": lambda: inside.subagent_stop(background_tasks=seen["background_tasks"]),
        "SessionEnd": lambda: factory.session_end(seen["reason"]),
    }
    return made[seen["hook_event_name"]]()


def of_call(factory: EventFactory, seen: dict[str, Any], calls: dict[str, Event]) -> Event:
    call = seen["tool_use_id"]
    if seen["hook_event_name"] == "PreToolUse":
        calls[call] = factory.pre_tool_use(seen["tool_name"], seen["tool_input"])
        return calls[call]
    if seen["hook_event_name"] == "PostToolUseFailure":
        return factory.post_tool_use_failure(calls[call], seen["error"])
    return factory.post_tool_use(calls[call], None if seen["tool_name"] == "Bash" else seen["tool_response"])


def shape(value: Any) -> Any:
    """Names in their order, and kinds of values."""
    if isinstance(value, dict):
        return [(name, shape(inner)) for name, inner in value.items()]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_each_event_is_as_the_client_writes_it(client: Client, api: ApiStandIn, hooks: RecordingHooks) -> None:
    assert CLIENT_VERSION == VERSION
    record(client, api, hooks)
    raw, seen = hooks.raw(), hooks.seen()
    own = EventFactory(str(client.project), seen[0]["session_id"], config_dir=str(client.home.claude))
    resumed = EventFactory(str(client.project), seen[0]["session_id"], config_dir=str(client.home.claude))
    calls: dict[str, Event] = {}
    factory = own
    for stdin, event in zip(raw, seen, strict=True):
        factory = resumed if event.get("source") == "resume" else factory
        if factory is resumed and event["hook_event_name"] == "SessionEnd":
            continue  # whose prompt it has is the client's own affair
        made = made_like(factory, event, calls)
        assert shape(made) == shape(event), event["hook_event_name"]
        for name in ("session_id", "transcript_path", "cwd", "permission_mode", "hook_event_name"):
            assert made.get(name) == event.get(name)
        assert stdin == Event(event).stdin, "compact, with one line break"
    assert {event["hook_event_name"] for event in seen} == set(EVENTS)


def test_the_variables_are_those_that_the_client_adds(client: Client, api: ApiStandIn, hooks: RecordingHooks) -> None:
    api.reply = Script({"run it": [[bash("true")], [text("all done")]]})
    client.run("please run it")
    factory = EventFactory(str(client.project), hooks.seen()[0]["session_id"])
    entrypoint = {"CLAUDE_CODE_ENTRYPOINT": "sdk-cli"}  # of `claude -p`
    for event, process in zip(hooks.seen(), hooks.processes(), strict=True):
        made = factory.environment(Event(event), process["parent_pid"])
        given = process["environment"]
        assert {name: given.get(name) for name in made} == made | entrypoint
        assert ("CLAUDE_EFFORT" in made) == ("CLAUDE_EFFORT" in given), event["hook_event_name"]
    assert json.loads(Event(event).stdin) == event
