"""A tool call that is running, as its PreToolUse told of it."""


class ToolCall:
    """`budget_index` is the line of the person's `[tools]` that the hook found for its command; -1 for none."""

    __slots__ = ("budget_index", "started_utc", "tool", "tool_use_id")

    def __init__(self, tool_use_id: str, tool: str, started_utc: float = 0.0, budget_index: int = -1) -> None:
        self.tool_use_id = tool_use_id
        self.tool = tool
        self.started_utc = started_utc
        self.budget_index = budget_index


def call_of(event: "dict[str, object]") -> ToolCall:
    """The call that a PreToolUse line of the spool is about; what is odd in it counts as absent."""
    budget = event.get("budget")
    started = event.get("t_utc")
    return ToolCall(
        str(event.get("tool_use_id", "")),
        str(event.get("tool", "")),
        float(started) if isinstance(started, (int, float)) else 0.0,
        budget if isinstance(budget, int) else -1,
    )
