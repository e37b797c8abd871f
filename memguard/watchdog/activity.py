"""What a session is doing, from what its hooks left in the spool and from the client's own registry.

Both only inform: a turn boundary is chosen by them, never whether memory is over a limit.
"""

import os
import time

from memguard.core import light_json as json
from memguard.core.identity import ProcessId
from memguard.core.layout import SESSIONS, is_plain_id, read_pairs
from memguard.core.permission import MODES
from memguard.core.sessions import newest_session
from memguard.host import terminal
from memguard.watchdog.tool_call import ToolCall, call_of

# An open permission prompt is a turn boundary only when the person has left it alone for this long.
_WAITING_S = 60.0
_LONGEST_REGISTRY = 65536
# More calls than one message makes at once.
_JUST_OVER = 16
# A watchdog that takes over meets old `resume` lines; only a client resumed lately may still be reading.
_RESUMED_LATELY_S = 60.0
# The first message stands in the first lines, behind what hooks and settings left there.
_BEGINNING_BYTES = 4194304


class Activity:
    """The turn, the tool calls in flight and the permission mode of one client."""

    def __init__(self, guard_dir: str, spool_dir: str, client: ProcessId, config_dir: str) -> None:
        self.guard_dir = guard_dir
        self.spool_dir = spool_dir
        self.client_pid = client.pid
        self.client_ticks = client.start_ticks
        self.config_dir = config_dir
        self.session_id = ""
        self._hooked_session = ""  # the same, where a hook has recorded it
        self.transcript = ""
        self.cwd = ""
        self.permission_mode = ""
        self.is_busy = False
        self.has_background = False
        self.is_prompt_given = False
        self.in_flight: dict[str, ToolCall] = {}  # by tool_use_id
        # The last of this turn whose Post hook has come: a client that is ended then has not written their results yet.
        self.just_over: dict[str, ToolCall] = {}
        self.resumed_bytes = 0  # size of the transcript that it was resumed with; 0 for a new conversation
        self.start_source = ""  # what its first SessionStart said: startup, resume, …; empty before that
        self.turns_ended = 0
        self._offset = 0
        self._waiting_since_s = 0.0
        self.status = ""

    def update(self) -> None:
        """Read what is new."""
        self._find_session()
        for event in self._new_events():
            self._apply(event)
        self._read_registry()

    def _find_session(self) -> None:
        session = newest_session(self.guard_dir)
        if session and session != self._hooked_session:
            self.session_id = self._hooked_session = session
            self._offset = 0
            pairs = read_pairs(f"{self.guard_dir}/{SESSIONS}/{session}")
            self.transcript, self.cwd = pairs.get("transcript", ""), pairs.get("cwd", "")

    def _new_events(self) -> list[dict[str, object]]:
        path = f"{self.spool_dir}/{self.session_id}.jsonl"
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return []
        try:
            if os.fstat(descriptor).st_size < self._offset:
                self._offset = 0  # rotated
            data = os.pread(descriptor, 2097152, self._offset)
        finally:
            os.close(descriptor)
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [event for event in map(_parsed, whole.splitlines()) if event.get("client_pid") == self.client_pid]

    def _apply(self, event: dict[str, object]) -> None:
        name, mode = event.get("event"), event.get("mode")
        if mode in MODES:
            self.permission_mode = str(mode)
        if name == "SessionStart":
            self._begin_session(event)
        tool_use_id = str(event.get("tool_use_id", ""))
        if name == "PreToolUse" and is_plain_id(tool_use_id):
            self.in_flight[tool_use_id] = call_of(event)
        elif name in ("PostToolUse", "PostToolUseFailure"):
            self._finish_call(tool_use_id)
        if name == "UserPromptSubmit":
            self.in_flight, self.just_over = {}, {}  # what was open has ended without a word: interrupted, or denied
        if name in ("UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure"):
            self.is_busy = self.is_prompt_given = True
        elif name == "Stop":
            self._end_turn(event)

    def _finish_call(self, tool_use_id: str) -> None:
        call = self.in_flight.pop(tool_use_id, None)
        if call:
            self.just_over[tool_use_id] = call
        while len(self.just_over) > _JUST_OVER:
            del self.just_over[next(iter(self.just_over))]

    def _begin_session(self, event: dict[str, object]) -> None:
        """Another conversation, or the same one resumed: nothing of the one before it is going on."""
        self.in_flight, self.just_over, self.is_busy, self.has_background = {}, {}, False, False
        self.start_source = self.start_source or str(event.get("source", ""))
        is_recent = time.time() - float(str(event.get("t_utc", 0))) < _RESUMED_LATELY_S
        if event.get("source") == "resume" and is_recent:
            self.resumed_bytes = _size(self.transcript)

    def _end_turn(self, event: dict[str, object]) -> None:
        self.is_busy, self.in_flight, self.just_over = False, {}, {}
        self.has_background = bool(event.get("background"))
        self.turns_ended += 1

    def _read_registry(self) -> None:
        """The client's own record of itself (undocumented, so whatever is odd counts as absent)."""
        record = _registry(f"{self.config_dir}/sessions/{self.client_pid}.json", self.client_ticks)
        status = record.get("status")
        now_s = time.monotonic()
        self._waiting_since_s = (self._waiting_since_s or now_s) if status == "waiting" else 0.0
        self.status = status if isinstance(status, str) else ""
        session = record.get("sessionId")
        if not self._hooked_session and isinstance(session, str) and is_plain_id(session):
            self._adopt_session(session, record)

    def _adopt_session(self, session: str, record: dict[str, object]) -> None:
        """Without hooks (`--bare`) only the client's registry knows its session."""
        self.session_id = session
        self.cwd = str(record.get("cwd", ""))
        folder = f"{self.config_dir}/projects"
        for slug in os.listdir(folder) if os.path.isdir(folder) else []:
            path = f"{folder}/{slug}/{session}.jsonl"
            if os.path.isfile(path):
                self.transcript = path
                self.is_prompt_given = True

    def has_conversation(self) -> bool:
        """Whether there is a conversation on disk to resume: a transcript with a message of the person's."""
        try:
            with open(self.transcript, "rb") as file:
                return b'"type":"user"' in file.read(_BEGINNING_BYTES)
        except OSError:
            return False

    def transcript_bytes(self) -> int:
        """The conversation's size on disk."""
        return _size(self.transcript)

    @property
    def is_mid_turn(self) -> bool:
        """Whether a turn was begun and has not ended."""
        return self.status == "busy" if self.status else self.is_busy

    def at_boundary(self) -> bool:
        """Whether a turn is over: a Stop without background tasks, `idle`, or `waiting` for a minute."""
        if self.status == "waiting":
            return time.monotonic() - self._waiting_since_s >= _WAITING_S
        if self.has_background or self.is_mid_turn:
            return False
        return not self.is_busy or self.status == "idle"

    def nobody_types(self, quiet_s: float) -> bool:
        """Whether the keyboard has been still for `quiet_s`; the terminal's atime follows each key."""
        tty = terminal.tty_of(self.client_pid)
        return not tty or terminal.typing_age_s(tty, time.time()) >= quiet_s


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _parsed(line: bytes) -> dict[str, object]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _registry(path: str, ticks: int) -> dict[str, object]:
    """The record, unless it is of another process that had this pid before: a killed client leaves its own behind."""
    try:
        with open(path, "rb") as file:
            record = _parsed(file.read(_LONGEST_REGISTRY))
    except OSError:
        return {}
    return record if str(record.get("procStart") or ticks) == str(ticks) else {}
