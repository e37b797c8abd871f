"""The keys of `[tools]`, which a stranger's file may hold: `default`, `Bash`, `mcp__server`, `Bash(pytest*)`."""

from memguard.core.tool_budgets import DEFAULT

# The compiled file is read as one block of 64 KB: a hundred lines of at most 430 bytes leave a third of it.
MOST_PATTERNS = 100
_LONGEST = 100
_HINT = "write default, a tool's name such as Bash or mcp__server, or Bash(pytest*)"


def checked_pattern(pattern: str) -> str:
    """The pattern itself; ValueError with the reason where it is none."""
    if len(pattern) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters")
    if not pattern.isprintable():  # line breaks of every kind included: it becomes a line of the compiled file
        raise ValueError("holds a control character or a line break")
    tool, opened, rest = pattern.partition("(")
    if not _is_tool(tool) or (opened and not _is_glob(tool, rest)):
        raise ValueError(f"is not a pattern; {_HINT}")
    return pattern


def _is_tool(name: str) -> bool:
    """Letters, digits and `_-.:`, as the spool writes tools' names."""
    return bool(name) and name[0].isalpha() and all(c.isascii() and (c.isalnum() or c in "_-.:") for c in name)


def _is_glob(tool: str, rest: str) -> bool:
    return tool != DEFAULT and len(rest) > 1 and rest.endswith(")") and rest[:-1].strip() == rest[:-1]
