"""The tool calls that a restart cuts off, with what recognises them when they are made again."""

import json

from memguard.core.call import call_fingerprint
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


def cut_off_calls(in_flight: dict[str, str], transcript: str) -> list[CutOff]:
    """Of the calls in flight (tool_use_id -> tool), those that may have had an effect."""
    wanted = {call: tool for call, tool in in_flight.items() if tool not in _ONLY_READS}
    inputs = _inputs(transcript, set(wanted)) if wanted else {}
    return [
        CutOff(tool, call, call_fingerprint(tool, inputs[call]) if call in inputs else "")
        for call, tool in wanted.items()
    ]


def _inputs(transcript: str, wanted: set[str]) -> dict[str, object]:
    """tool_use_id -> input, from the transcript's last lines."""
    found: dict[str, object] = {}
    for line in transcript_tail(transcript).split(b"\n"):
        if any(call.encode() in line for call in wanted):
            found |= {call: value for call, value in _calls_in(line) if call in wanted}
    return found


def _calls_in(line: bytes) -> list[tuple[str, object]]:
    try:
        content = json.loads(line)["message"]["content"]
        blocks = [block for block in content if isinstance(block, dict) and block.get("type") == "tool_use"]
        return [(str(block["id"]), block["input"]) for block in blocks]
    except (ValueError, KeyError, TypeError):
        return []  # torn, or another kind of line
