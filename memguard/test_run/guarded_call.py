"""The tool call that this process runs in, and its budget: found as hook and watchdog have written them down.

The call's PreToolUse has put the number of its line in `[tools]` into the spool, and the watchdog on record which call
a process began for. Where it hasn't yet, it is the newest call of the shell tool that began before the process, by
which the watchdog goes as well (watchdog/parts.py).
"""

import os

from memguard.core import light_json
from memguard.core.layout import (
    COMPILED,
    GUARD,
    PAUSE,
    SESSIONS,
    SPOOL,
    TOOLS,
    is_own_dir,
    is_plain_id,
    project_dir,
)
from memguard.core.part import TOOL
from memguard.core.tool_budgets import budget_index, budgets_of
from memguard.host.linux import start_ticks
from memguard.host.origin import origin_of
from memguard.host.started import started_utc
from memguard.test_run.own_file import read_end, read_pairs_of
from memguard.test_run.session_guard import who_is

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from memguard.core.tool_budgets import ToolBudget
    from memguard.test_run.session_guard import SessionGuard

# `core.settings.GUARD_MODE`, spelled out: each module costs a test run 0.2 ms.
_GUARD_MODE = "guard"
_SHELL = "Bash"
# A call's hook is over before the client starts its process. Both times are rounded, to 1 and to 10 ms.
_CLOCK_SLACK_S = 0.1
# A spool is put aside at 1 MB.
_SPOOL_BYTES = 1048576 + 65536


class GuardedCall:
    """One call in a guarded session. `project_dir` is the project's durable folder, empty where none can be trusted."""

    def __init__(self, guard: "SessionGuard", session_id: str) -> None:
        self._guard = guard
        self._session_id = session_id  # as the environment has it
        self.project_dir = _project_dir(guard.folder)

    def budget(self) -> "ToolBudget | None":
        """The line of `[tools]` that memguard ends this call by; None where it wouldn't end it."""
        budgets = self._budgets()
        if not budgets or origin_of(self._guard.root_pid, self._guard.client_pid) != TOOL:
            return None
        index = self._index(len(budgets))
        # Where no call, or no line for its command, is known, the watchdog goes by the tool's name alone.
        index = index if index >= 0 else budget_index(budgets, _SHELL, "")
        return budgets[index] if index >= 0 else None

    def _budgets(self) -> "list[ToolBudget]":
        """All that memguard acts by: none where it only observes, is paused, or was taken out of the project."""
        of_project = read_pairs_of(f"{self.project_dir}/{COMPILED}")
        settings = read_pairs_of(f"{self._guard.folder}/{COMPILED}") or of_project
        if not of_project or settings.get("mode") != _GUARD_MODE:
            return []
        is_paused = any(_has_pause(folder) for folder in (self._guard.folder, self.project_dir))
        return [] if is_paused else budgets_of(settings)

    def _index(self, count: int) -> int:
        """The number that the call's hook has found for it; -1 for none below `count`."""
        call = self._begun()
        index = call.get("budget") if call else None
        return index if isinstance(index, int) and 0 <= index < count else -1

    def _begun(self) -> "dict[str, object] | None":
        """The call as its PreToolUse has noted it."""
        root_pid = self._guard.root_pid
        record = read_pairs_of(f"{self._guard.folder}/{TOOLS}/{root_pid}")
        recorded = record.get("call") if record and record.get("id") == who_is(root_pid) else ""
        if recorded:
            return next((call for call in self._calls() if call.get("tool_use_id") == recorded), None)
        latest_utc = started_utc(start_ticks(root_pid)) + _CLOCK_SLACK_S
        return next((call for call in self._calls() if _is_shell_before(call, latest_utc)), None)

    def _calls(self) -> "Iterator[dict[str, object]]":
        """The calls of this client that have begun, newest first."""
        for name in (f"{self._session()}.jsonl", f"{self._session()}.jsonl.1"):
            for line in _beginnings(read_end(f"{self.project_dir}/{SPOOL}/{name}", _SPOOL_BYTES)):
                event = _parsed(line)
                if event.get("client_pid") == self._guard.client_pid:
                    yield event

    def _session(self) -> str:
        """The session that the call was made in, where it is the client's; else the one that the client has now."""
        session_id = self._session_id
        is_clients = is_plain_id(session_id) and read_end(f"{self._guard.folder}/{SESSIONS}/{session_id}", 1)
        return session_id if is_clients else _newest_session(self._guard.folder)


def _project_dir(guard_dir: str) -> str:
    facts = read_pairs_of(f"{guard_dir}/{GUARD}")
    state_dir, key = facts.get("state", ""), facts.get("project_key", "")
    if not os.path.isabs(state_dir) or key in ("", ".", "..") or "/" in key:
        return ""
    folder = project_dir(state_dir, key)
    return folder if is_own_dir(state_dir) and is_own_dir(folder) else ""


def _has_pause(folder: str) -> bool:
    """`is_paused` would wait for the writer of a FIFO, so it is asked of a plain file alone."""
    if not read_end(f"{folder}/{PAUSE}", 1):
        return False
    from memguard.core.pause import is_paused  # there hardly ever is one, and each module costs a test run 0.2 ms

    return is_paused(folder, folder)


def _newest_session(guard_dir: str) -> str:
    from memguard.core.sessions import newest_session  # only for a tool that has outlived a `/clear`

    return newest_session(guard_dir)


def _beginnings(spool: bytes) -> "Iterator[bytes]":
    """The lines of calls that begin, the last first: the one that is looked for is nearly always near the end."""
    end = len(spool)
    while (place := spool.rfind(b'"event":"PreToolUse"', 0, end)) >= 0:
        end = spool.rfind(b"\n", 0, place) + 1
        yield spool[end:].partition(b"\n")[0]


def _is_shell_before(call: "dict[str, object]", latest_utc: float) -> bool:
    begun_utc = call.get("t_utc")
    return call.get("tool") == _SHELL and isinstance(begun_utc, (int, float)) and begun_utc <= latest_utc


def _parsed(line: bytes) -> "dict[str, object]":
    try:
        event = light_json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
