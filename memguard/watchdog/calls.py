"""The tool calls that a restart cuts off, with what recognises them when they are made again."""

import os

from memguard.core import light_json as json
from memguard.core.call import call_fingerprint
from memguard.core.layout import IN_FLIGHT, private_dir, remove, write_pairs
from memguard.watchdog.tool_call import ToolCall
from memguard.watchdog.transcript import transcript_tail

# Calls that only read may run a second time; all others are denied once when they were cut off.
_ONLY_READS = frozenset(
    ("Read", "Grep", "Glob", "LS", "WebFetch", "WebSearch", "NotebookRead", "TodoRead", "ToolSearch")
)


class CutOff:
    """One call: `fingerprint` is empty where the transcript doesn't show its input (yet)."""

    __slots__ = ("fingerprint", "tool", "tool_use_id")

    def __init__(self, tool: str, tool_use_id: str, fingerprint: str) -> None:
        self.tool = tool
        self.tool_use_id = tool_use_id
        self.fingerprint = fingerprint


def cut_off_calls(in_flight: dict[str, ToolCall], transcript: str) -> list[CutOff]:
    """Of the calls in flight (by tool_use_id), those that may have had an effect and have no result yet.

    A call without a Post hook may be over all the same: denied, interrupted, or its hook lost in a stall.
    """
    wanted = {call: found.tool for call, found in in_flight.items() if found.tool not in _ONLY_READS}
    inputs, answered = _inputs_and_answers(transcript, set(wanted)) if wanted else ({}, set())
    return [
        CutOff(tool, call, call_fingerprint(tool, inputs[call]) if call in inputs else "")
        for call, tool in wanted.items()
        if call not in answered
    ]


def _inputs_and_answers(transcript: str, wanted: set[str]) -> tuple[dict[str, object], set[str]]:
    """tool_use_id -> input, and the ids that have a result, from the transcript's last lines."""
    inputs: dict[str, object] = {}
    answered: set[str] = set()
    for line in transcript_tail(transcript).split(b"\n"):
        if any(call.encode() in line for call in wanted):
            blocks = _blocks_in(line)
            inputs |= {str(b.get("id")): b.get("input") for b in blocks if b.get("type") == "tool_use"}
            answered |= {str(b.get("tool_use_id")) for b in blocks if b.get("type") == "tool_result"}
    return inputs, answered


def _blocks_in(line: bytes) -> list[dict[str, object]]:
    try:
        content = json.loads(line)["message"]["content"]
    except (ValueError, KeyError, TypeError):
        return []  # torn, or another kind of line
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def leave_marks(guard_dir: str, calls: list[CutOff]) -> None:
    """One small file per call, for the PreToolUse that meets it again; the folder exists only while there are any.

    A hook that finds the folder leaves its quiet path.
    """
    for call in calls:
        if call.fingerprint:
            folder = private_dir(f"{guard_dir}/{IN_FLIGHT}")
            write_pairs(f"{folder}/{call.fingerprint}", {"tool": call.tool})


def drop_marks(guard_dir: str) -> None:
    """The restart didn't happen, or the turn that it cut is over: a later call of the same kind is a new one."""
    folder = f"{guard_dir}/{IN_FLIGHT}"
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        remove(f"{folder}/{name}")
    if os.path.isdir(folder):
        os.rmdir(folder)
