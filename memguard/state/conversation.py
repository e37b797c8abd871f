"""What a conversation was about, from its transcript: bounded texts, redacted, whatever the length of the file.

Read defensively: a client of another version may leave out, rename or tear anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from memguard.state.json_line import parse_line
from memguard.state.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memguard.state.transcript import LineIndex

MOST_REQUESTS = 8
MOST_FILES = 60
MOST_TODOS = 40
_TEXT_CHARS = 2000
_NAME_CHARS = 400
_FILE_TOOLS = ("Edit", "Write", "MultiEdit", "NotebookEdit")
# What the client itself puts into a message of role user.
_NOT_TYPED = ("<local-command-", "<task-notification", "<system-reminder", "Caveat: ", "[Request interrupted")


class Request(TypedDict):
    """Something that the person asked for."""

    text: str
    time: str


class Todo(TypedDict):
    """An open todo item: pending or in_progress."""

    text: str
    status: str


class Call(TypedDict):
    """A tool call without a result; `what` is the start of its command or path."""

    tool: str
    tool_use_id: str
    what: str


class Conversation(TypedDict):
    """The conversation's state. Times are as the client wrote them (ISO 8601, UTC)."""

    lines: int
    is_torn: bool
    requests: list[Request]
    unsent: list[Request]  # typed while a turn was running, and still waiting: a resumed client sends none of them
    todos: list[Todo]
    files: list[str]
    in_flight: list[Call]
    last_text: str
    git_branch: str
    client_version: str


def empty_conversation() -> Conversation:
    """Of a session whose transcript could not be read, or holds nothing yet."""
    return {
        "lines": 0, "is_torn": False, "requests": [], "unsent": [], "todos": [], "files": [], "in_flight": [],
        "last_text": "", "git_branch": "", "client_version": "",
    }  # fmt: skip


def read_conversation(descriptor: int, index: LineIndex) -> Conversation:
    """Parse the lines that `index` found in the file, and no others."""
    story = _Story()
    for offset, length in index.places:
        story.take(parse_line(descriptor, offset, length))
    found = story.conversation()
    found["lines"], found["is_torn"] = index.lines, index.is_torn
    return found


def text_of(value: object, most: int = _TEXT_CHARS) -> str:
    """A bounded text without secrets; empty for anything that isn't text."""
    if not isinstance(value, str):
        return ""
    # Redacted before it is cut: half a secret may not look like one.
    return redact_text(value[: most * 4])[:most]


class _Story:
    """Goes through the lines in order and keeps what is true at the end."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._queue: list[Request] = []
        self._todos: list[Todo] = []
        self._tasks: dict[str, Todo] = {}
        self._files: dict[str, None] = {}
        self._calls: dict[str, Call] = {}
        self._calls_of = ""  # the message that made the open calls
        self._last_text = ""
        self._last: dict[str, Any] = {}

    def take(self, line: dict[str, Any]) -> None:
        """One line; anything unexpected in it is passed over."""
        kind = line.get("type")
        message = line.get("message")
        if kind == "attachment":
            self._queued(line)
        elif kind == "queue-operation":
            self._queue_changed(line)
        if not isinstance(message, dict):
            return
        self._last = line
        if kind == "user":
            self._user(line, message.get("content"))
        elif kind == "assistant":
            self._assistant(str(message.get("id")), message.get("content"))

    def conversation(self) -> Conversation:
        """What is true after the last line."""
        found = empty_conversation()
        found["requests"] = self._requests[-MOST_REQUESTS:]
        found["unsent"] = self._queue[:MOST_REQUESTS]
        items = [*self._todos, *self._tasks.values()]
        found["todos"] = [item for item in items if item["status"] != "completed"][-MOST_TODOS:]
        found["files"] = list(self._files)[-MOST_FILES:]
        found["in_flight"] = list(self._calls.values())
        found["last_text"] = self._last_text
        found["git_branch"] = text_of(self._last.get("gitBranch"), _NAME_CHARS)
        found["client_version"] = text_of(self._last.get("version"), 40)
        return found

    def _queued(self, line: dict[str, Any]) -> None:
        """A prompt that was typed while a turn was running."""
        attachment = line.get("attachment")
        if isinstance(attachment, dict) and attachment.get("type") == "queued_command":
            self._request(attachment.get("prompt"), line)

    def _queue_changed(self, line: dict[str, Any]) -> None:
        """The client's queue of typed prompts: one comes in, or the oldest goes out, or all do."""
        operation, text = line.get("operation"), text_of(line.get("content"))
        if operation == "enqueue" and text and not text.startswith(_NOT_TYPED):
            self._queue.append({"text": text, "time": text_of(line.get("timestamp"), 40)})
        elif operation == "popAll":
            self._queue.clear()
        elif operation != "enqueue":
            del self._queue[:1]

    def _user(self, line: dict[str, Any], content: object) -> None:
        results = [block for block in _blocks(content) if block.get("type") == "tool_result"]
        for block in results:
            self._calls.pop(str(block.get("tool_use_id")), None)
        self._task_made(line.get("toolUseResult"))
        if not results and not _is_meta(line):
            self._request(content, line)

    def _request(self, content: object, line: dict[str, Any]) -> None:
        text = content if isinstance(content, str) else _joined(content)
        text = _as_typed(text.strip()[: _TEXT_CHARS * 4])
        if text and not text.startswith(_NOT_TYPED):
            self._requests.append({"text": text_of(text), "time": text_of(line.get("timestamp"), 40)})
            del self._requests[:-MOST_REQUESTS]

    def _assistant(self, message_id: str, content: object) -> None:
        if message_id != self._calls_of:
            # The model has gone on: what an earlier message left open was cut off long ago.
            self._calls, self._calls_of = {}, message_id
        for block in _blocks(content):
            if block.get("type") == "text" and str(block.get("text", "")).strip():
                self._last_text = text_of(block.get("text"))
            elif block.get("type") == "tool_use":
                self._call(block, block.get("input"))

    def _call(self, block: dict[str, Any], values: object) -> None:
        tool, call = text_of(block.get("name"), 100), text_of(block.get("id"), 100)
        given = values if isinstance(values, dict) else {}
        path = given.get("file_path") or given.get("notebook_path")
        what = text_of(given.get("command") or path or given.get("description"), _NAME_CHARS)
        self._calls[call] = {"tool": tool, "tool_use_id": call, "what": what}
        if tool in _FILE_TOOLS and isinstance(path, str):
            self._files.pop(text_of(path, _NAME_CHARS), None)
            self._files[text_of(path, _NAME_CHARS)] = None
        elif tool == "TodoWrite":
            self._todos = [_todo(item, "content") for item in _blocks(given.get("todos"))]
        elif tool == "TaskUpdate":
            self._task_changed(given)

    def _task_made(self, result: object) -> None:
        """The id of a new task is only in the result of the call that made it."""
        task = result.get("task") if isinstance(result, dict) else None
        if isinstance(task, dict) and "subject" in task:
            self._tasks[str(task.get("id"))] = _todo({"status": "pending", **task}, "subject")

    def _task_changed(self, given: dict[str, Any]) -> None:
        number = str(given.get("taskId"))
        if given.get("status") == "deleted":
            self._tasks.pop(number, None)
        elif number in self._tasks:
            old = self._tasks[number]
            self._tasks[number] = _todo({"subject": old["text"], "status": old["status"], **given}, "subject")


def _todo(item: dict[str, Any], name: str) -> Todo:
    return {"text": text_of(item.get(name), _NAME_CHARS), "status": text_of(item.get("status"), 20)}


def _blocks(content: object) -> list[dict[str, Any]]:
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _joined(content: object) -> str:
    texts: Iterable[object] = (block.get("text") for block in _blocks(content) if block.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str))


def _is_meta(line: dict[str, Any]) -> bool:
    """Whether the client wrote it: origins other than the person, summaries, caveats."""
    origin = line.get("origin")
    is_other = isinstance(origin, dict) and origin.get("kind", "human") != "human"
    return is_other or any(line.get(name) is True for name in ("isMeta", "isCompactSummary", "isSidechain"))


def _as_typed(text: str) -> str:
    """A slash command as the person typed it, from the tags that the client keeps it in."""
    if not text.startswith(("<command-name>", "<command-message>")):
        return text
    name, arguments = _between(text, "command-name"), _between(text, "command-args")
    return f"{name} {arguments}".strip()


def _between(text: str, tag: str) -> str:
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].strip()
