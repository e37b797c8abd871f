"""The events that memguard hooks, and how an entry of its own looks and is known again."""

import os
import sys
from dataclasses import dataclass

import claude_hooks

_TIMEOUT_S = 10
_SCRIPTS_FOLDER = "claude_hooks"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the client. `matcher` is empty for events that have none."""

    name: str
    script: str
    matcher: str = ""


EVENTS = (
    Event("SessionStart", "session_start"),
    Event("UserPromptSubmit", "user_prompt_submit"),
    Event("PreToolUse", "pre_tool_use", "*"),
    Event("PostToolUse", "post_tool_use", "*"),
    Event("PostToolUseFailure", "post_tool_use_failure", "*"),
    Event("PreCompact", "pre_compact"),
    Event("Stop", "stop"),
    Event("SubagentStop", "subagent_stop"),
    Event("SessionEnd", "session_end"),
)


@dataclass(frozen=True, slots=True)
class Installation:
    """The absolute paths that hooks are fixed to: a repository's settings could change PATH and variables."""

    python: str
    scripts_dir: str
    state_dir: str


def this_installation(state_dir: str) -> Installation:
    """The interpreter and the scripts that are running now."""
    scripts_dir = os.path.dirname(os.path.abspath(claude_hooks.__file__))
    return Installation(os.path.abspath(sys.executable), scripts_dir, state_dir)


def exec_entry(event: Event, installation: Installation) -> dict[str, object]:
    """The entry that starts the script without a shell."""
    script = f"{installation.scripts_dir}/{event.script}.py"
    arguments = ["-I", "-S", script, installation.state_dir]
    return {"type": "command", "command": installation.python, "args": arguments, "timeout": _TIMEOUT_S}


def shim_entry(event: Event) -> dict[str, object]:
    """The entry for settings that colleagues share: silent, with exit code 0, where memguard is missing."""
    return {"type": "command", "command": shim_command(event), "timeout": _TIMEOUT_S}


def shim_command(event: Event) -> str:
    """One line for `sh`, built-ins only: run the shim that `memguard init` wrote in this person's state folder."""
    places = '"${XDG_STATE_HOME:-$HOME/.local/state}/memguard/hook" "$HOME/Library/Application Support/memguard/hook"'
    return f'for hook in {places}; do [ -x "$hook" ] && exec "$hook" {event.script}; done; exit 0'


def is_own(entry: object) -> bool:
    """Whether memguard wrote this entry: by the exact shape of its arguments, never by a word in a command."""
    if not isinstance(entry, dict) or entry.get("type") != "command":
        return False
    arguments = entry.get("args")
    if isinstance(arguments, list):
        return arguments[:2] == ["-I", "-S"] and any(_is_script(text) for text in arguments[2:3])
    return entry.get("command") in {shim_command(event) for event in EVENTS}


def _is_script(path: object) -> bool:
    if not isinstance(path, str):
        return False
    parts = path.replace("\\", "/").split("/")
    return parts[-2:-1] == [_SCRIPTS_FOLDER] and parts[-1] in {f"{event.script}.py" for event in EVENTS}


Wanted = dict[str, tuple[str, dict[str, object]]]  # event name -> matcher and entry


def wanted_entries(scope: str, installation: Installation) -> Wanted:
    """What a settings file of this scope is to hold."""
    shared = scope == "project"
    return {
        event.name: (event.matcher, shim_entry(event) if shared else exec_entry(event, installation))
        for event in EVENTS
    }


def hook_group(matcher: str, entry: dict[str, object]) -> dict[str, object]:
    """An entry with its matcher, as one element of an event's list."""
    return ({"matcher": matcher} if matcher else {}) | {"hooks": [entry]}
