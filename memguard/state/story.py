"""Goes through the lines of a conversation that matter, in order, and keeps what is true at the end.

Read defensively: a client of another version may leave out, rename or tear anything.
"""

from __future__ import annotations

import re
from typing import Any

from memguard.state.handed_down import HandedDown
from memguard.state.message import NAME_CHARS, blocks, is_meta, joined, raw, text_of, time_of, what_of, word
from memguard.state.outcomes import Call, Outcomes
from memguard.state.prompts import ANSWERED, API_ERROR, UNDER_WAY, Prompts
from memguard.state.todo_list import TodoList

MOST_FILES = 60
SUMMARY_CHARS = 6000
_FILE_TOOLS = ("Edit", "Write", "MultiEdit", "NotebookEdit")
_OVER = ("end_turn", "stop_sequence", "refusal")
# What the client puts around a summary: introduction, and orders to the model that follow it.
_BEFORE_SUMMARY = "earlier portion of the conversation."
_AFTER_SUMMARY = re.compile(
    r"\n\s*(?:If you need specific details from before compaction|(?:Please )?[Cc]ontinue the conversation from where)"
)
_REMINDER = re.compile(r"<system-reminder>.*?(?:</system-reminder>|$)", re.DOTALL)


class Story:
    """Takes parsed lines; each of its parts says what is true after the last one."""

    def __init__(self) -> None:
        self.prompts = Prompts()
        self.todos = TodoList()
        self.outcomes = Outcomes()
        self.handed_down = HandedDown()
        self.last_time = ""
        self.is_typed = False  # whether the last request stands in the transcript as typed, so that calls count from it
        self._is_early = False
        self._files: dict[str, tuple[str, bool]] = {}  # by call: path, and whether it came after the last request
        self._calls: dict[str, tuple[Call, dict[str, Any]]] = {}
        self._open: dict[str, Call] = {}
        self._open_of = ""  # the message that made the open calls
        self._last_text = ""
        self._summary = ""
        self._last: dict[str, Any] = {}

    def take(self, line: dict[str, Any], times: int = 0, *, is_early: bool = False) -> None:
        """One line; anything unexpected in it is passed over.

        `times` says how often the command that it is the result of has failed, `is_early` that it is one of the first
        that can be a request.
        """
        self._is_early = is_early
        kind, message = line.get("type"), line.get("message")
        self.last_time = time_of(line) or self.last_time
        if kind == "attachment":
            self._attached(line)
        elif kind == "queue-operation":
            self.prompts.queue_changed(line)
            self._notice(line.get("content"), line)
        elif kind == "system":
            self._turn_over(line)
        if not isinstance(message, dict) or line.get("isSidechain") is True:
            return
        self._last = line
        if kind == "user":
            self._user(line, message.get("content"), times)
        elif kind == "assistant":
            self._assistant(line, message)

    @property
    def files(self) -> list[str]:
        """The paths that were edited, the last one last, at most 60."""
        last_first = dict.fromkeys(path for path, _ in reversed(self._files.values()))
        return [text_of(path, NAME_CHARS) for path in reversed(list(last_first)[:MOST_FILES])]

    @property
    def files_since(self) -> int:
        """How many of them after the last request."""
        return len({path for path, is_since in self._files.values() if is_since})

    @property
    def in_flight(self) -> list[Call]:
        """The last message's calls that have no result."""
        return [{**call, "what": text_of(call["what"], NAME_CHARS)} for call in self._open.values()]

    @property
    def last_text(self) -> str:
        """What the assistant said last."""
        return text_of(self._last_text)

    @property
    def summary(self) -> str:
        """What the client kept of all that came before its last compaction."""
        return text_of(self._summary, SUMMARY_CHARS)

    def noted(self, name: str, most: int) -> str:
        """A field of the last message's line."""
        return text_of(self._last.get(name), most)

    def _attached(self, line: dict[str, Any]) -> None:
        """A prompt that was typed during a turn, the client's word of a background command, a hook's own words."""
        attachment = line.get("attachment")
        if not isinstance(attachment, dict):
            return
        self.handed_down.take(attachment)
        if attachment.get("type") == "queued_command":
            self._request(attachment.get("prompt"), line)
            self._notice(attachment.get("prompt"), line)

    def _notice(self, content: object, line: dict[str, Any]) -> None:
        text = joined(content)[: NAME_CHARS * 10].lstrip()
        if text.startswith("<task-notification>"):
            self.outcomes.ended(text, time_of(line))

    def _turn_over(self, line: dict[str, Any]) -> None:
        if line.get("subtype") == "turn_duration" and self.prompts.phase == UNDER_WAY:
            self.prompts.phase = ANSWERED

    def _request(self, content: object, line: dict[str, Any]) -> None:
        if self.prompts.typed(content, line, is_early=self._is_early):
            self.is_typed = not joined(content).lstrip().startswith("<")
            self._files = {call: (path, False) for call, (path, _) in self._files.items()}

    def _user(self, line: dict[str, Any], content: object, times: int) -> None:
        results = [block for block in blocks(content) if block.get("type") == "tool_result"]
        for block in results:
            self._result(line, block, times)
        if line.get("isCompactSummary") is True:
            self._summary = raw(_summary_of(joined(content)), SUMMARY_CHARS)
        self._notice(content, line)
        if not results and not is_meta(line):
            self._request(content, line)

    def _result(self, line: dict[str, Any], block: dict[str, Any], times: int) -> None:
        self.prompts.phase = UNDER_WAY
        number = word(block.get("tool_use_id"))
        self._open.pop(number, None)
        if block.get("is_error") is True:
            self._files.pop(number, None)
            self.todos.failed(number)
        if number in self._calls:
            call, given = self._calls[number]
            self.todos.made(call["tool"], line.get("toolUseResult"))
            self.outcomes.took(line, block, call, given, times)

    def _assistant(self, line: dict[str, Any], message: dict[str, Any]) -> None:
        message_id = word(message.get("id"))
        if message_id != self._open_of:
            # The model has gone on: what an earlier message left open was cut off long ago.
            self._open, self._open_of = {}, message_id
        is_over = message.get("stop_reason") in _OVER
        for block in blocks(message.get("content")):
            if block.get("type") == "text" and isinstance(block.get("text"), str) and block["text"].strip():
                self._last_text = raw(block["text"])
            elif block.get("type") == "tool_use":
                self._call(block, block.get("input"))
                is_over = False
        self.prompts.phase = ANSWERED if is_over else UNDER_WAY
        if line.get("isApiErrorMessage") is True:
            self.prompts.phase = API_ERROR

    def _call(self, block: dict[str, Any], values: object) -> None:
        given = values if isinstance(values, dict) else {}
        tool, number = word(block.get("name")), word(block.get("id"))
        call: Call = {"tool": tool, "tool_use_id": number, "what": what_of(given)}
        self._calls[number], self._open[number] = (call, given), call
        path = given.get("file_path") or given.get("notebook_path")
        if tool in _FILE_TOOLS and isinstance(path, str):
            self._files.pop(number, None)
            self._files[number] = (raw(path, NAME_CHARS), True)
        self.todos.called(tool, number, given)


def _summary_of(text: str) -> str:
    """The summary alone, without what the client says around it."""
    _, mark, after = text.partition(_BEFORE_SUMMARY)
    found = _AFTER_SUMMARY.split(_REMINDER.sub("", after if mark else text), maxsplit=1)[0]
    return found.strip()
