"""What a conversation was about, from its transcript: bounded texts, redacted, whatever the length of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from memguard.state.json_line import cost_bytes, parse_line
from memguard.state.outcomes import Background, Call, Decision, Failure
from memguard.state.places import DIGESTS, FIRST
from memguard.state.prompts import MOST_REQUESTS, Request
from memguard.state.story import MOST_FILES, Story
from memguard.state.todo_list import MOST_TODOS, Todo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memguard.state.line_index import LineIndex
    from memguard.state.places import Place

__all__ = [
    "MOST_FILES", "MOST_REQUESTS", "MOST_TODOS", "Background", "Call", "Conversation", "Decision", "Failure",
    "Progress", "Request", "Todo", "empty_conversation", "read_conversation",
]  # fmt: skip
_NAME_CHARS = 400
_VERSION_CHARS = 40
# All that is parsed, at about 200 MB a second; the lines of a session take a tenth of it.
_MOST_BYTES = 8388608
# Where it isn't enough, what comes first here is read.
_ORDER = (
    "recent", "prompts", FIRST, DIGESTS, "summaries", "decisions", "queue", "background", "notices", "todos", "edits",
)  # fmt: skip


class Progress(TypedDict):
    """How far the answer to the last request had come: `phase` as `prompts.PHASES`, empty where nothing was asked.

    `calls` (of tools) and `files` (edited) count from that request on; `calls` is -1 where that isn't known.
    """

    phase: str
    calls: int
    files: int
    time: str


class Conversation(TypedDict):
    """The conversation's state. Times are as the client wrote them (ISO 8601, UTC). Lists have the newest last."""

    lines: int
    is_torn: bool
    requests: list[Request]
    first_request: list[Request]  # of the session; none where it is among the last ones
    unsent: list[Request]  # typed while a turn was running, and still waiting: a resumed client sends none of them
    todos: list[Todo]  # the open ones
    files: list[str]
    in_flight: list[Call]
    last_text: str
    git_branch: str
    client_version: str
    progress: Progress
    decisions: list[Decision]
    failures: list[Failure]
    background: list[Background]
    summary: str  # the client's own, of all that came before its last compaction
    compactions: int
    handed_down: str  # the digest that the session itself began with


def empty_conversation() -> Conversation:
    """Of a session whose transcript could not be read, or holds nothing yet."""
    return {
        "lines": 0, "is_torn": False, "requests": [], "first_request": [], "unsent": [], "todos": [], "files": [],
        "in_flight": [], "last_text": "", "git_branch": "", "client_version": "",
        "progress": {"phase": "", "calls": -1, "files": 0, "time": ""},
        "decisions": [], "failures": [], "background": [], "summary": "", "compactions": 0,
        "handed_down": "",
    }  # fmt: skip


def read_conversation(descriptor: int, index: LineIndex) -> Conversation:
    """Parse the lines that `index` found in the file, and no others: at most 8 MiB, whatever the file's length."""
    story, times = Story(), {failure.result: failure.times for failure in index.failures.values()}
    for place in sorted(_chosen(index)):
        is_early = place in index.kept[FIRST]
        story.take(parse_line(descriptor, *place), times.get(place, 0), is_early=is_early)
    return {
        "lines": index.lines,
        "is_torn": index.is_torn,
        "requests": story.prompts.last,
        "first_request": story.prompts.first,
        "unsent": story.prompts.unsent,
        "todos": story.todos.open,
        "files": story.files,
        "in_flight": story.in_flight,
        "last_text": story.last_text,
        "git_branch": story.noted("gitBranch", _NAME_CHARS),
        "client_version": story.noted("version", _VERSION_CHARS),
        "progress": _progress(story, index),
        "decisions": story.outcomes.decisions,
        "failures": story.outcomes.failures,
        "background": story.outcomes.background,
        "summary": story.summary,
        "compactions": index.compactions,
        "handed_down": story.handed_down.text,
    }


def _progress(story: Story, index: LineIndex) -> Progress:
    calls = index.calls if story.is_typed else -1
    return {"phase": story.prompts.phase, "calls": calls, "files": story.files_since, "time": story.last_time}


def _chosen(index: LineIndex) -> set[Place]:
    """The places that fit into what may be parsed: the most important kinds first, of each the newest."""
    chosen: set[Place] = set()
    room = _MOST_BYTES
    for place in _by_importance(index):
        if place not in chosen and cost_bytes(place[1]) <= room:
            chosen.add(place)
            room -= cost_bytes(place[1])
    return chosen


def _by_importance(index: LineIndex) -> Iterable[Place]:
    yield from reversed(index.kept["recent"])
    yield from reversed(index.kept["prompts"])
    for failure in reversed(index.failures.values()):
        yield from (failure.call, failure.result)
    for kind in _ORDER[2:]:
        yield from reversed(index.kept[kind])
