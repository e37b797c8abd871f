"""The keys of `[tools]`, which a stranger's file may hold: `default`, `Bash`, `mcp__server`, `Bash(pytest*)`."""

from memguard.core.tool_budgets import DEFAULT

# The compiled file is read as one block of 64 KB: a hundred lines of at most 430 bytes leave a third of it.
MOST_PATTERNS = 100
# `[degradation]` has two lists of them in the same file.
MOST_DEGRADED = 24
LONGEST = 100
# The same for an editor, a little more lenient: see `checked_pattern`.
PATTERN = r"^[A-Za-z][A-Za-z0-9_.:-]*(\([^ )].*\))?$"
_HINT = "write default, a tool's name such as Bash or mcp__server, or Bash(pytest*)"


def checked_pattern(pattern: str) -> str:
    """The pattern itself; ValueError with the reason where it is none."""
    if len(pattern) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    if not pattern.isprintable():  # line breaks of every kind included: it becomes a line of the compiled file
        raise ValueError("holds a control character or a line break")
    tool, opened, rest = pattern.partition("(")
    if not _is_tool(tool) or (opened and not _is_glob(tool, rest)):
        raise ValueError(f"is not a pattern; {_HINT}")
    return pattern


def checked_tool(name: str) -> str:
    """The name of a tool or of an MCP server itself; ValueError where it is none, or has a command."""
    if "(" in checked_pattern(name):
        raise ValueError("is a command's pattern; here only a tool as a whole can be named")
    return name


def _is_tool(name: str) -> bool:
    """Letters, digits and `_-.:`, as the spool writes tools' names."""
    return bool(name) and name[0].isalpha() and all(c.isascii() and (c.isalnum() or c in "_-.:") for c in name)


def _is_glob(tool: str, rest: str) -> bool:
    return tool != DEFAULT and len(rest) > 1 and rest.endswith(")") and rest[:-1].strip() == rest[:-1]
