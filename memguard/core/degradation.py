"""What is denied while a session is over its limit and no restart can help: the modes, and the tools of each.

Compiled as `degradation=1`, `denied_tool_<n>=<pattern>` (denied in READ_ONLY) and `allowed_tool_<n>=<tool>` (the only
ones that EMERGENCY carries out). A file of before these settings has none of them, which means the defaults.
"""

from memguard.core.thresholds import NORMAL
from memguard.core.tool_budgets import ToolBudget, budget_index, needs_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EMERGENCY", "MODES", "NORMAL", "READ_ONLY", "WARNING", "denies", "patterns_of"]
WARNING = "WARNING"  # nothing is denied; readings are closer
READ_ONLY = "READ_ONLY"
EMERGENCY = "EMERGENCY"
MODES = (NORMAL, WARNING, READ_ONLY, EMERGENCY)

SWITCH = "degradation"
_PAIR = {READ_ONLY: "denied_tool_", EMERGENCY: "allowed_tool_"}

# What writes files, starts programs or sub-agents, or brings whole pages into the conversation.
READ_ONLY_DENIES = (
    "Write", "Edit", "MultiEdit", "NotebookEdit", "Bash", "PowerShell", "Task", "Agent", "Workflow", "WebFetch",
    "WebSearch",
)  # fmt: skip
# What reads, asks the person, notes what is to be done, or ends what runs.
EMERGENCY_ALLOWS = (
    "Read", "Glob", "Grep", "LS", "NotebookRead", "TodoRead", "TodoWrite", "TaskCreate", "TaskGet", "TaskList",
    "TaskUpdate", "TaskOutput", "TaskStop", "BashOutput", "KillShell", "KillBash", "AskUserQuestion", "ExitPlanMode",
)  # fmt: skip
_DEFAULTS = {READ_ONLY: READ_ONLY_DENIES, EMERGENCY: EMERGENCY_ALLOWS}


def patterns_of(pairs: "dict[str, str]", mode: str) -> "list[str]":
    """The patterns of READ_ONLY or EMERGENCY in a compiled file."""
    if SWITCH not in pairs:
        return list(_DEFAULTS[mode])
    found: list[str] = []
    while f"{_PAIR[mode]}{len(found)}" in pairs:
        found.append(pairs[f"{_PAIR[mode]}{len(found)}"])
    return found


def compiled_patterns(read_only: "list[str]", emergency: "list[str]", *, is_enabled: bool) -> "dict[str, object]":
    """The pairs of a compiled file."""
    pairs: dict[str, object] = {SWITCH: int(is_enabled)}
    for mode, patterns in ((READ_ONLY, read_only), (EMERGENCY, emergency)):
        pairs |= {f"{_PAIR[mode]}{number}": pattern for number, pattern in enumerate(patterns)}
    return pairs


def denies(pairs: "dict[str, str]", mode: str, tool: str, command: "Callable[[], str]") -> bool:
    """Whether a call of `tool` is not carried out in `mode`; its command is only asked for where a pattern has one."""
    if mode not in _PAIR or not tool:
        return False
    patterns = [ToolBudget(pattern, 1) for pattern in patterns_of(pairs, mode)]
    text = command() if needs_command(patterns, tool) else ""
    is_named = budget_index(patterns, tool, text) >= 0
    return is_named if mode == READ_ONLY else not is_named
