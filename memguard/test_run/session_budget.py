"""What a guarded session allows the tool call that this process runs in: the line of `[tools]` that its watchdog uses.

    session_budget(os.environ)    SessionBudget(is_guarded=True, budget_bytes=1610612736, pattern="Bash(pytest*)")

It runs at the start of each test run, and can't make one fail: whatever is missing, torn or another's means "not
guarded". Nothing is imported, and nothing read, where no variable of Claude Code's is there: 0.6 us. Else it takes
1 ms, and 3 ms for what it imports.
"""

import sys
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# What the client leaves in the environment of a tool; without any of it there is nothing to look for.
MARKS = ("CLAUDE_PID", "CLAUDE_CODE_SESSION_ID", "CLAUDECODE")


class SessionBudget(NamedTuple):
    """`budget_bytes` is what memguard ends the call at, 0 for never; `pattern` the line of `[tools]` that says so."""

    is_guarded: bool
    budget_bytes: int
    pattern: str


NOT_GUARDED = SessionBudget(is_guarded=False, budget_bytes=0, pattern="")
_WITHOUT = SessionBudget(is_guarded=True, budget_bytes=0, pattern="")


def session_budget(environment: "Mapping[str, str]") -> SessionBudget:
    """What this process may hold with all else of its tool call; never raises.

    Without a budget where the person has set none for the call, memguard only observes or is paused, or this runs in
    something else than a tool call: a Claude hook, an MCP server.
    """
    if sys.platform != "linux" or not any(mark in environment for mark in MARKS):
        return NOT_GUARDED
    try:
        return _looked_up(environment)
    except Exception:  # noqa: BLE001 -- a test run is worth more than its limit, whatever lies in those files
        return NOT_GUARDED


def _looked_up(environment: "Mapping[str, str]") -> SessionBudget:
    from memguard.test_run.session_guard import find_guard

    guard = find_guard(environment)
    if guard is None:
        return NOT_GUARDED
    from memguard.test_run.guarded_call import GuardedCall

    call = GuardedCall(guard, environment.get("CLAUDE_CODE_SESSION_ID", ""))
    if not call.project_dir:
        return NOT_GUARDED
    budget = call.budget()
    return SessionBudget(True, budget.size_bytes, _shown(budget.pattern)) if budget else _WITHOUT  # noqa: FBT003


def _shown(pattern: str) -> str:
    """As a terminal can bear it."""
    return "".join(character if character.isprintable() else "?" for character in pattern[:120])
