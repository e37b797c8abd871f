"""The JSON that Claude Code gives to each Claude hook, for tests of hooks: one factory is one Claude session.

    events = EventFactory(cwd="/work/shop")
    events.user_prompt_submit("run the tests")
    call = events.pre_tool_use("Bash", {"command": "pytest"})
    subprocess.run(["my-hook"], input=call.stdin, env=os.environ | events.environment(call))

Fields and their order are those of client 2.1.330, which `tests/e2e/test_event_factory.py` compares with what the real
client writes. Another client may add fields, or leave some out: a hook does well to need few of them.
"""

from __future__ import annotations

import copy
import json
import os
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT_VERSION = "2.1.330"
SESSION_ID = "00000000-0000-4000-8000-000000000001"
_MODEL = "claude-opus-5-5"
# After these, the rest is the event's own.
_COMMON = ("session_id", "transcript_path", "cwd", "prompt_id", "permission_mode", "agent_id", "agent_type", "effort")


class Event(dict[str, Any]):
    """One event, its fields in the client's order; change it as you like before it is written."""

    @property
    def name(self) -> str:
        """The event, such as `PreToolUse`."""
        return str(self["hook_event_name"])

    @property
    def stdin(self) -> bytes:
        """What a hook reads on stdin: compact JSON, and a line break."""
        return json.dumps(self, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


class EventFactory:
    """The events of one Claude session. Ids are counted, so that a test sees the same ones each time.

    `**more` of each event adds fields to it, or replaces them.
    """

    def __init__(
        self,
        cwd: str = "/work/project",
        session_id: str = SESSION_ID,
        permission_mode: str = "default",
        config_dir: str = "/home/person/.claude",
    ) -> None:
        self.cwd = cwd
        self.session_id = session_id
        self.permission_mode = permission_mode
        self.config_dir = config_dir
        self.prompt_id = ""  # of the last prompt; before the first, events have none
        self.agent: dict[str, str] = {}
        self._counted: dict[str, int] = {}

    @property
    def transcript_path(self) -> str:
        """Where the client keeps the conversation."""
        slug = "".join(character if character.isalnum() else "-" for character in self.cwd)
        return f"{self.config_dir}/projects/{slug}/{self.session_id}.jsonl"

    def in_subagent(self, agent_type: str = "general-purpose") -> Self:
        """The same session as a subagent's calls show it; what follows in the session itself is not changed."""
        inside = copy.copy(self)
        inside.agent = {"agent_id": f"a{self._count('agent'):016x}", "agent_type": agent_type}
        return inside

    def environment(self, event: Event, client_pid: int = 0) -> dict[str, str]:
        """The variables that the client adds for the hook of this event; `client_pid` is this process by default."""
        effort = {"CLAUDE_EFFORT": event["effort"]["level"]} if "effort" in event else {}
        return {
            "CLAUDECODE": "1",
            "CLAUDE_CODE_ENTRYPOINT": "cli",
            "CLAUDE_CODE_CHILD_SESSION": "1",
            "CLAUDE_CODE_SESSION_ID": str(event["session_id"]),
            "CLAUDE_PID": str(client_pid or os.getpid()),
            "CLAUDE_PROJECT_DIR": self.cwd,
            **effort,
        }

    def session_start(self, source: str = "startup", **more: Any) -> Event:
        """`source` is `startup`, `resume`, `clear` or `compact`. A resumed session says how long it has rested."""
        own: dict[str, Any] = {"model": _MODEL}
        if source == "resume":
            own = {
                "seconds_since_last_response": 60,
                "context_tokens": 3000,
                "prompt_cache_likely_expired": True,
                "estimated_cache_write_usd": 0.02,
            }
        return self._event("SessionStart", ("prompt_id",), {"source": source, **own, **more})

    def user_prompt_submit(self, prompt: str, **more: Any) -> Event:
        """The person's next prompt: what follows belongs to it."""
        self.prompt_id = f"00000000-0000-4000-9000-{self._count('prompt'):012d}"
        return self._event("UserPromptSubmit", ("prompt_id", "permission_mode"), {"prompt": prompt, **more})

    def pre_tool_use(self, tool: str = "Bash", tool_input: Mapping[str, Any] | None = None, **more: Any) -> Event:
        """A tool call is about to begin; of Bash, the input is a `command`."""
        call = f"toolu_{self._count('call'):024d}"
        given = {"command": "true", "description": "Do nothing"} if tool_input is None else dict(tool_input)
        own = {"tool_name": tool, "tool_input": given, "tool_use_id": call}
        return self._in_turn("PreToolUse", {**own, **more})

    def post_tool_use(self, call: Event, tool_response: Any = None, duration_ms: int = 100, **more: Any) -> Event:
        """The call that `call` (a PreToolUse) began is over; by default as one of Bash that printed nothing."""
        response = {"stdout": "", "stderr": "", "interrupted": False, "isImage": False, "noOutputExpected": False}
        own = {
            "tool_name": call["tool_name"],
            "tool_input": call["tool_input"],
            "tool_response": response if tool_response is None else tool_response,
            "tool_use_id": call["tool_use_id"],
            "duration_ms": duration_ms,
        }
        return self._in_turn("PostToolUse", {**own, **more})

    def post_tool_use_failure(
        self, call: Event, error: str = "Exit code 1", duration_ms: int = 100, **more: Any
    ) -> Event:
        """The call that `call` began has failed."""
        own = {
            "tool_name": call["tool_name"],
            "tool_input": call["tool_input"],
            "tool_use_id": call["tool_use_id"],
            "error": error,
            "is_interrupt": False,
            "duration_ms": duration_ms,
        }
        return self._in_turn("PostToolUseFailure", {**own, **more})

    def pre_compact(self, trigger: str = "manual", custom_instructions: str | None = None, **more: Any) -> Event:
        """The conversation is about to be compacted; `trigger` is `manual` or `auto`."""
        own = {"trigger": trigger, "custom_instructions": custom_instructions}
        return self._event("PreCompact", ("prompt_id",), {**own, **more})

    def stop(self, last_assistant_message: str = "Done.", **more: Any) -> Event:
        """The turn is over. `background_tasks` lists what still runs."""
        return self._in_turn("Stop", {**_end_of_turn(last_assistant_message), **more})

    def subagent_stop(self, last_assistant_message: str = "Done.", **more: Any) -> Event:
        """A subagent is done: ask the factory that `in_subagent` gave."""
        agent_id = self.agent.get("agent_id", "")
        own = _end_of_turn(last_assistant_message)
        own = {
            "stop_hook_active": own.pop("stop_hook_active"),
            "agent_transcript_path": f"{self.transcript_path.removesuffix('.jsonl')}/subagents/agent-{agent_id}.jsonl",
            **own,
        }
        return self._in_turn("SubagentStop", {**own, **more})

    def session_end(self, reason: str = "prompt_input_exit", **more: Any) -> Event:
        """The client ends, or another conversation begins (`clear`); after a SIGKILL nobody says it."""
        return self._event("SessionEnd", ("prompt_id",), {"reason": reason, **more})

    def _in_turn(self, name: str, own: dict[str, Any]) -> Event:
        wanted = ("prompt_id", "permission_mode", "agent_id", "agent_type", "effort")
        return self._event(name, wanted, own)

    def _event(self, name: str, wanted: tuple[str, ...], own: dict[str, Any]) -> Event:
        known: dict[str, Any] = {
            "session_id": self.session_id,
            "transcript_path": self.transcript_path,
            "cwd": self.cwd,
            "permission_mode": self.permission_mode,
            "effort": {"level": "medium"},
            **({"prompt_id": self.prompt_id} if self.prompt_id else {}),
            **self.agent,
        }
        fields = (*_COMMON[:3], *wanted)
        common = {field: known[field] for field in _COMMON if field in known and field in fields}
        return Event({**common, "hook_event_name": name, **own})

    def _count(self, what: str) -> int:
        self._counted[what] = self._counted.get(what, 0) + 1
        return self._counted[what]


def _end_of_turn(message: str) -> dict[str, Any]:
    return {
        "stop_hook_active": False,
        "last_assistant_message": message,
        "background_tasks": [],
        "session_crons": [],
    }
