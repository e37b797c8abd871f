"""Where in a transcript the lines are that a digest is made of: places and numbers, never text, whatever its length.

A line is judged by a few looks at its ends. Quotes inside a JSON string are escaped, so nobody's text can look like
what is looked for; a result's own fields can, which is why `story` reads each line again before it counts.
"""

from __future__ import annotations

import re
import zlib
from collections import deque

from memguard.state import index_text
from memguard.state.handed_down import MARKS
from memguard.state.long_line import END_BYTES, LOOKED_BYTES, LongLine
from memguard.state.places import (
    AGENT,
    ASK,
    BASH,
    DIGESTS,
    EDIT,
    FIRST,
    MOST_FAILURES,
    MOST_OPEN_CALLS,
    MOST_PLACES,
    OTHER,
    STOP,
    TASK,
    TODO,
    Failure,
    OpenCall,
    Place,
)

# Looking for a word takes 1 to 2 ns a byte, so each is looked for no farther than it can stand.
_FIRST_BYTES = 256  # side chain, and the type of a user's line
_HEAD_BYTES = 1024  # role, type of the content's first block
_LAST_BYTES = 1280  # what it writes behind a result of Bash
_STRING_BYTES = 4096
_ID_BYTES = 200

_TOOLS = {
    b"Edit": EDIT, b"Write": EDIT, b"MultiEdit": EDIT, b"NotebookEdit": EDIT, b"TodoWrite": TODO, b"TaskUpdate": TODO,
    b"TaskCreate": TASK, b"AskUserQuestion": ASK, b"ExitPlanMode": ASK, b"Bash": BASH, b"Agent": AGENT, b"Task": AGENT,
    b"TaskStop": STOP, b"KillShell": STOP, b"KillBash": STOP,
}  # fmt: skip
# Lines of the client's own bookkeeping: most of a transcript of 2.1.330, by number.
_NOT_LOOKED_AT = (
    b'{"type":"api-request', b'{"type":"mode"', b'{"type":"permission-mode"', b'{"type":"file-history-snapshot"',
    b'{"type":"last-prompt"', b'{"type":"atis-latch"', b'{"type":"tools-used"',
)  # fmt: skip
_SIDECHAIN = b'"isSidechain":true'
_PROGRESS = b'"type":"progress"'  # of older clients: what a sub-agent says, once more
_ROLE = b'"role":"'
_CONTENT = b'"content":'
_RESULT = (b'[{"type":"tool_result"', b'[{"tool_use_id"')
_NOTICE = b'"<task-notification>'
_TAGGED = b'"<'  # slash commands and their output, too: what they did belongs to the request before
_INTERRUPTED = (b'[{"type":"text","text":"[Request interrupted', b'"[Request interrupted')
_META = b'"isMeta":true'
_SUMMARY = b'"isCompactSummary":true'
# As the client writes what went well: the id first. Where something went wrong, text and mark come before it.
_RESULT_HEAD = re.compile(
    rb'\[\{"tool_use_id":"([^"\\]{1,200})","type":"tool_result","content":("Exit code |"<tool_use_error>)?'
)
_RESULT_ID = b'"tool_use_id":"'
_ERROR = b'"is_error":true,'
_NOT_RUN = (b'[{"type":"tool_result","content":"<tool_use_error>', b'[{"type":"tool_result","content":"[Tool call')
_DENIED = b'"toolDenialKind":"'
_REFUSED = (b'"toolDenialKind":"user-rejected"', b'"toolUseResult":"User rejected tool use"')
_CALL = b'"type":"tool_use"'
_CALL_HEAD = re.compile(
    rb'"type":"tool_use","id":"([^"\\]{1,200})","name":"([^"\\]{1,200})","input":\{(?:"command":"((?:[^"\\]++|\\.)*+))?',
    re.DOTALL,
)
_IN_BACKGROUND = b'"backgroundTaskId":"'
_AGENT_IN_BACKGROUND = b'"isAsync":true'
_QUEUE = b'{"type":"queue-operation"'
_QUEUED = b'"type":"queued_command"'
_CONTEXT = b'"type":"hook_additional_context"'
_TURN_OVER = b'"subtype":"turn_duration"'


class LineIndex:
    """Takes a transcript in blocks. `to_text` is what the next capture goes on from, without reading it all again."""

    def __init__(self) -> None:
        self.kept: dict[str, deque[Place]] = {name: deque(maxlen=most) for name, most in MOST_PLACES.items()}
        self.failures: dict[int, Failure] = {}  # by the checksum of the command, last failed last
        self.open_calls: dict[int, OpenCall] = {}  # by the checksum of the call's id
        self.lines = 0
        self.is_torn = False
        self.compactions = 0
        self.calls = 0  # tool calls since the last prompt
        self.queued = 0  # what waits in the client's queue
        self.offset = 0  # where the whole lines end, in bytes: what is fed to an index that goes on begins here
        self._recent = self.kept["recent"]
        self._begun: LongLine | None = None
        self._before_torn = ""

    @property
    def places(self) -> list[Place]:
        """Every line to parse, once each, in order."""
        ends = (place for failure in self.failures.values() for place in (failure.call, failure.result))
        return sorted({*ends, *(place for places in self.kept.values() for place in places)})

    def to_text(self) -> str:
        """The state after the whole lines, a torn one left out: numbers only, at most `index_text.LONGEST` long."""
        return self._before_torn or index_text.to_text(self)

    @classmethod
    def from_text(cls, text: str) -> LineIndex:
        """An index that goes on where `to_text` was asked. ValueError for anything that it would not have written."""
        return index_text.fill(cls(), text)

    def feed(self, block: bytes) -> None:
        """Take the next block."""
        start = block.find(b"\n") + 1 if self._begun else 0
        if self._begun and not start:
            self._begun.add(block)
            return
        if self._begun:
            self._begun.add(block[: start - 1])
            self._end_long_line(self._begun)
        end = block.rfind(b"\n") + 1
        if end > start:
            self._take_lines(block[start : end - 1].split(b"\n"))
        if end < len(block):
            self._begun = LongLine(block[end:])

    def finish(self) -> None:
        """Take what is left as the last line, which may be torn: the client ends each line that it finished."""
        self.is_torn = self._begun is not None
        if self._begun:
            self._before_torn = self.to_text()
            self._end_long_line(self._begun)

    def _take_lines(self, lines: list[bytes]) -> None:
        offset = self.offset
        for line in lines:
            length = len(line)
            if not line.startswith(_NOT_LOOKED_AT):
                self._sort(line, (offset, length), line)
            offset += length + 1
        self.offset = offset
        self.lines += len(lines)

    def _end_long_line(self, line: LongLine) -> None:
        self._begun = None
        if not line.beginning.startswith(_NOT_LOOKED_AT):
            self._sort(line.beginning, (self.offset, line.length), line.end)
        self.offset += line.length + 1
        self.lines += 1

    def _sort(self, line: bytes, place: Place, end: bytes) -> None:
        """`line` has at least its first 64 KiB, `end` at least its last 2 KiB."""
        at = line.find(_ROLE, 0, _HEAD_BYTES)
        if at < 0:
            self._without_message(line[:_HEAD_BYTES], place)
        elif _SIDECHAIN in line[:_FIRST_BYTES]:
            return
        elif line.startswith(b"assistant", at + len(_ROLE)):
            self._recent.append(place)
            at = line.find(_CALL, at, LOOKED_BYTES)
            if at >= 0:
                self._call(line, at, place, end)
        elif line.startswith(b"user", at + len(_ROLE)):
            self._user(line, line.find(_CONTENT, at, _HEAD_BYTES) + len(_CONTENT), place, end)

    def _without_message(self, head: bytes, place: Place) -> None:
        if head.startswith(_QUEUE):
            self._queue_changed(head, place)
        elif _CONTEXT in head and any(mark in head for mark in MARKS):
            self._keep_first(DIGESTS, place)
        elif _QUEUED in head and _SIDECHAIN not in head:
            self._keep("notices" if _NOTICE in head else "prompts", place)
        elif _TURN_OVER in head:
            self._recent.append(place)

    def _user(self, line: bytes, at: int, place: Place, end: bytes) -> None:
        """`at` is where the message's content begins."""
        self._recent.append(place)
        if line.startswith(_RESULT, at):
            self._result(line, at, place, end)
            return
        end = end[-END_BYTES:]
        if _SUMMARY in end:
            self._keep("summaries", place)
            self.compactions += 1
        elif line.startswith(_NOTICE, at):
            self._keep("notices", place)
        elif _META not in end and not line.startswith(_INTERRUPTED, at) and _PROGRESS not in line[:_FIRST_BYTES]:
            self._prompt(place, is_tagged=line.startswith(_TAGGED, at))

    def _prompt(self, place: Place, *, is_tagged: bool) -> None:
        self._keep("prompts", place)
        self._keep_first(FIRST, place)
        if not is_tagged:
            self.calls = 0

    def _keep_first(self, kind: str, place: Place) -> None:
        if len(self.kept[kind]) < MOST_PLACES[kind]:
            self._keep(kind, place)

    def _keep(self, kind: str, *places: Place) -> None:
        self.kept[kind].extend(places)

    def _queue_changed(self, head: bytes, place: Place) -> None:
        """Whatever came before an empty queue says nothing of what waits now."""
        if b'"operation":"enqueue"' in head:
            self.queued += 1
        else:
            self.queued = 0 if b'"operation":"popAll"' in head else max(0, self.queued - 1)
        self._keep("queue", place)
        if not self.queued:
            self.kept["queue"].clear()

    def _call(self, line: bytes, at: int, place: Place, end: bytes) -> None:
        self.calls += 1
        found = _CALL_HEAD.match(line, at, at + _STRING_BYTES)
        call_id, name, command = found.groups() if found else _other_order(line, at, end[-END_BYTES:])
        tool = _TOOLS.get(name, OTHER)
        self._open(zlib.crc32(call_id), (place, tool, zlib.crc32(command or b"") if tool == BASH else 0))
        if tool in (EDIT, TODO):
            self._keep("edits" if tool == EDIT else "todos", place)

    def _open(self, number: int, call: OpenCall) -> None:
        self.open_calls.pop(number, None)
        self.open_calls[number] = call
        if len(self.open_calls) > MOST_OPEN_CALLS:
            del self.open_calls[next(iter(self.open_calls))]

    def _result(self, line: bytes, at: int, place: Place, end: bytes) -> None:
        """What became of a call, where that matters; most results cost no more than the look for their call."""
        found = _RESULT_HEAD.match(line, at)
        if found:
            call_id, is_error = found[1], found[2] is not None
        else:
            id_at = line.find(_RESULT_ID, at, LOOKED_BYTES)
            call_id, is_error = _string(line, _RESULT_ID, id_at, 1), line.endswith(_ERROR, 0, max(0, id_at))
        call = self.open_calls.get(zlib.crc32(call_id))
        if call is None:
            return
        if is_error and any(mark in end[-END_BYTES:] for mark in _REFUSED):
            self._keep("decisions", call[0], place)
        elif call[1] == BASH:
            is_run = not is_error or not (_DENIED in end[-END_BYTES:] or line.startswith(_NOT_RUN, at))
            if is_run:
                self._bash(call, end[-_LAST_BYTES:], place, is_error=is_error)
        else:
            self._other_tool(call, line, place, is_error=is_error)

    def _bash(self, call: OpenCall, end: bytes, place: Place, *, is_error: bool) -> None:
        at, _, command = call
        before = self.failures.pop(command, None)
        if is_error:
            self.failures[command] = Failure(at, place, before.times + 1 if before else 1)
            if len(self.failures) > MOST_FAILURES:
                del self.failures[next(iter(self.failures))]
        elif _IN_BACKGROUND in end:
            self._keep("background", at, place)

    def _other_tool(self, call: OpenCall, line: bytes, place: Place, *, is_error: bool) -> None:
        """A task's id is only in the result. Of an edit or a list the result matters where it came to nothing."""
        at, tool, _ = call
        if tool in (EDIT, TODO):
            if is_error:
                self._keep("edits" if tool == EDIT else "todos", place)
        elif tool in (TASK, ASK):
            if not is_error:
                self._keep("todos" if tool == TASK else "decisions", at, place)
        elif tool == STOP or (tool == AGENT and line.find(_AGENT_IN_BACKGROUND, 0, LOOKED_BYTES) >= 0):
            self._keep("background", at, place)


def _other_order(line: bytes, at: int, end: bytes) -> tuple[bytes, bytes, bytes]:
    """Id, name and command of a call that is written otherwise: the id behind what the call is given."""
    call_id = _string(line, b'"id":"', at, len(_CALL) + 8) or _string(end, b'"id":"', end.rfind(b'"id":"'), 8)
    return call_id, _string(line, b'"name":"', at, _HEAD_BYTES), _string(line, b'"command":"', at, _HEAD_BYTES)


def _string(line: bytes, name: bytes, at: int, within: int) -> bytes:
    """The JSON string that follows `name`, which begins in the first `within` bytes from `at` on; else empty.

    As it stands, up to its first quote: enough for ids and names, and to tell commands apart.
    """
    start = line.find(name, at, at + within + len(name)) if at >= 0 else -1
    if start < 0:
        return b""
    start += len(name)
    end = line.find(b'"', start, start + _STRING_BYTES)
    return line[start:end] if end >= 0 else line[start : start + _ID_BYTES]
