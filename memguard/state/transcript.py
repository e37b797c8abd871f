"""The client's transcript: which file may be read, and where in it the lines are that matter.

Layout, as the client writes it: one JSON object per line; `type` user or assistant; `message.content` text or blocks.
"""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from typing import TYPE_CHECKING

from memguard.core.errors import ClientError
from memguard.state.files import NO_FOLLOW, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_HINT = "memguard reads only what the client itself keeps under its projects folder"
# How many lines of each kind are parsed at the end: bounds time and memory, whatever the length before.
_MOST_PROMPTS = 48
_MOST_TOOLS = 400
_MOST_RECENT = 160
_END_BYTES = 2048  # of a line, at each end, where its kind stands
_NAME_BYTES = 64  # longer than what is looked for where two blocks meet
_IS_USER = (b'"type":"user"', b'"type": "user"')
_IS_ASSISTANT = (b'"type":"assistant"', b'"type": "assistant"')
_QUEUED = b'"type":"queued_command"'
_QUEUE = b'"type":"queue-operation"'
# Quotes inside a JSON string are escaped, so none of these can be part of somebody's text.
_TOOL = re.compile(rb'"name": ?"(?:Edit|Write|MultiEdit|NotebookEdit|TodoWrite|TaskUpdate)"')
_TASK_RESULT = re.compile(rb'"toolUseResult": ?\{"task": ?\{')


def config_dir(environment: Mapping[str, str]) -> str:
    """The client's own folder, by the client's own environment."""
    named = environment.get("CLAUDE_CONFIG_DIR", "")
    return named or os.path.join(environment.get("HOME") or os.path.expanduser("~"), ".claude")


def open_transcript(path: str, config: str) -> int:
    """A descriptor of the transcript at `path`, which must be a plain file under `<config>/projects/`.

    Raises ClientError for a link, a file elsewhere, or none at all.
    """
    if "\0" in path:
        raise ClientError("the transcript's path holds a NUL", _HINT)
    folder, name = os.path.split(path)
    projects = os.path.realpath(os.path.join(config, "projects"))
    inside = os.path.realpath(folder)
    if not os.path.isabs(path) or os.path.commonpath([inside, projects]) != projects:
        raise ClientError(f"the transcript {shown(path)} is outside the client's folder {shown(projects)}", _HINT)
    try:
        descriptor = os.open(os.path.join(inside, name), os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        is_link = os.path.islink(path)
        why = "is a link" if is_link else f"can't be read: {error.strerror}"
        raise ClientError(
            f"the transcript {shown(path)} {why}", _HINT if is_link else "it may not be written yet"
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ClientError(f"the transcript {shown(path)} is not a plain file", _HINT)
    return descriptor


Place = tuple[int, int]  # offset and length in bytes of one line


class LineIndex:
    """Takes a transcript in blocks and remembers where the lines are that a digest is made of."""

    def __init__(self) -> None:
        self.prompts: deque[Place] = deque(maxlen=_MOST_PROMPTS)
        self.tools: deque[Place] = deque(maxlen=_MOST_TOOLS)
        self.recent: deque[Place] = deque(maxlen=_MOST_RECENT)
        self.lines = 0
        self.is_torn = False
        self._offset = 0  # of the line that is being read
        self._begun: _Line | None = None

    @property
    def places(self) -> list[Place]:
        """Every line to parse, once each, in order."""
        return sorted({*self.prompts, *self.tools, *self.recent})

    def feed(self, block: bytes) -> None:
        """Take the next block."""
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            if self._begun:
                self._begun.add(block[start:end])
                self._end_line(self._begun)
            else:
                self._end_line(_Line(block[start:end]))
            start = end + 1
        if start < len(block):
            self._begin(block[start:])

    def finish(self) -> None:
        """Take what is left as the last line, which may be torn: the client ends each line that it finished."""
        self.is_torn = self._begun is not None
        if self._begun:
            self._end_line(self._begun)

    def _begin(self, piece: bytes) -> None:
        if self._begun:
            self._begun.add(piece)
        else:
            self._begun = _Line(piece)

    def _end_line(self, line: _Line) -> None:
        place = (self._offset, line.length)
        self._offset += line.length + 1
        self._begun = None
        self.lines += 1
        self._sort(line, place)

    def _sort(self, line: _Line, place: Place) -> None:
        """Most lines of a long transcript are for nothing, and cost a few looks at their ends."""
        if b'"isSidechain":true' in line.head:
            return
        is_user, is_assistant = line.has(_IS_USER), line.has(_IS_ASSISTANT)
        if (is_user and b'"tool_use_id"' not in line.head) or _QUEUED in line.head or _QUEUE in line.head:
            self.prompts.append(place)
        if (is_assistant and line.has_tool()) or (is_user and line.made_task()):
            self.tools.append(place)
        if is_user or is_assistant:
            self.recent.append(place)


class _Line:
    """What is kept of a line while it goes by: both ends, and whether it is about files or todo items."""

    __slots__ = ("_has_tool", "_whole", "head", "length", "tail")

    def __init__(self, piece: bytes) -> None:
        self.head, self.tail = piece[:_END_BYTES], piece[-_END_BYTES:]
        self.length = len(piece)
        self._whole = piece
        self._has_tool = False

    def add(self, piece: bytes) -> None:
        """The line's next piece: from now on it is not kept as a whole."""
        self._has_tool = self.has_tool() or bool(_TOOL.search(self.tail[-_NAME_BYTES:] + piece))
        self._whole = b""
        self.head += piece[: max(0, _END_BYTES - len(self.head))]
        self.tail = (self.tail + piece[-_END_BYTES:])[-_END_BYTES:]
        self.length += len(piece)

    def has(self, marks: tuple[bytes, ...]) -> bool:
        """Whether the line's kind stands at one of its ends."""
        return any(mark in self.head or mark in self.tail for mark in marks)

    def has_tool(self) -> bool:
        """Whether it calls one of the tools for files and todo items."""
        return self._has_tool or bool(_TOOL.search(self._whole))

    def made_task(self) -> bool:
        """Whether it is the result of making a todo item, which is where the item's id is."""
        return bool(_TASK_RESULT.search(self.tail) or _TASK_RESULT.search(self.head))
