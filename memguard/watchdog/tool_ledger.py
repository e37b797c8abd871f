"""What a watchdog keeps of each running tool call: on record while it runs, its growth in the spool when it is over."""

import os
import time

from memguard.core import light_json as json
from memguard.core.layout import SPOOL, write_all
from memguard.core.part import TOOL, Part
from memguard.core.tool_record import ToolRecord, forget_tool, record_tool
from memguard.host.identity import is_alive, process_id
from memguard.host.oom import spare_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId
    from memguard.watchdog.guarded_session import GuardedSession


class _Entry:
    """One tool part from its beginning on."""

    __slots__ = ("call", "client_then_bytes", "name", "peak_bytes", "spared", "started_s")

    def __init__(self, part: Part, client_bytes: int, now_s: float) -> None:
        self.call = part.call
        self.name = part.name
        self.started_s = now_s
        self.peak_bytes = 0
        self.client_then_bytes = client_bytes
        self.spared: set[tuple[int, int]] = set()  # pid and start ticks of each that the kernel was told of


class ToolLedger:
    """The tool parts of one client."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._entries: dict[ProcessId, _Entry] = {}

    def update(self) -> None:
        """After each division of the tree into parts. What can't be written is logged, and costs nothing else."""
        tools = {part.root: part for part in self._session.parts.now if part.kind == TOOL}
        for root, part in tools.items():
            if root not in self._entries:
                self._begin(part)
            entry = self._entries[root]
            entry.call, entry.name = part.call, part.name
            entry.peak_bytes = max(entry.peak_bytes, part.footprint_bytes)
            self._tell_kernel(part, entry)
        for root in [root for root in self._entries if root not in tools]:
            self._finish(root, self._entries.pop(root))

    def _begin(self, part: Part) -> None:
        """It is on record before anything is done about it."""
        session = self._session
        self._entries[part.root] = _Entry(part, session.subject.reading.client_bytes, time.monotonic())
        try:
            record = ToolRecord(part.root, part.call, part.name, session.activity.session_id)
            record_tool(session.guard_dir, record)
        except (OSError, ValueError) as error:
            session.journal.log(f"tool not on record: {error}")

    def _tell_kernel(self, part: Part, entry: _Entry) -> None:
        """All of it goes before the session, where the kernel has to choose; also what began before it was seen."""
        present = {(process.pid, process.start_ticks) for process in part.processes}
        for key in present - entry.spared:
            spare_session(process_id(*key), self._session.settings.tool_oom_score_adj)
            self._session.limit_keeper.limit_tool(process_id(*key))
        entry.spared = present

    def _finish(self, root: "ProcessId", entry: _Entry) -> None:
        session = self._session
        try:
            if not is_alive(root):  # else its client has gone, and it is what that has left
                forget_tool(session.guard_dir, root.pid)
        except OSError as error:
            session.journal.log(f"tool still on record: {error}")
        line = {
            "t_utc": round(time.time(), 3),
            "event": "ToolEnd",
            "session": session.activity.session_id,
            "client_pid": session.subject.client.pid,
            "tool": entry.name,
            "tool_use_id": entry.call,
            "seconds": round(time.monotonic() - entry.started_s, 3),
            "peak_bytes": entry.peak_bytes,
            "client_growth_bytes": session.subject.reading.client_bytes - entry.client_then_bytes,
        }
        try:
            _append(f"{session.project_dir}/{SPOOL}/{session.activity.session_id or 'unknown'}.jsonl", line)
        except OSError as error:
            session.journal.log(f"growth of a tool not written: {error}")


def _append(path: str, line: "dict[str, object]") -> None:
    """One line in one write, as hooks do it: parallel writers never mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        write_all(descriptor, json.dumps(line, separators=(",", ":")).encode() + b"\n")
    finally:
        os.close(descriptor)
