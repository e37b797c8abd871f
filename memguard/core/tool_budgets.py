"""What one tool call may hold: the person's `[tools]`, as hooks and watchdog read it. Imports nothing."""

DEFAULT = "default"  # for every tool that no other pattern is for
PAIR = "tool_budget_"  # `tool_budget_<n>=<bytes> <pattern>`, counted from 0
_MCP = "mcp__"

# The kernel takes no longer argument (MAX_ARG_STRLEN), so no `bash -c` has a longer command.
_LONGEST_COMMAND = 131072
# A command of more parts than this is data. 1,000 parts and 100 patterns take 0.03 s.
_MOST_PARTS = 1000
_MOST_PREFIXES = 100
_SEPARATORS = "&|;\n()`"
# Words before a command that say nothing of what it is.
_PREFIXES = frozenset(
    ("!", "{", "if", "then", "else", "elif", "while", "until", "do", "time", "exec", "command", "nohup", "env")
)


class ToolBudget:
    """One line of `[tools]`: `pattern` is `default`, a tool's name, or `Tool(glob)`."""

    __slots__ = ("pattern", "size_bytes")

    def __init__(self, pattern: str, size_bytes: int) -> None:
        self.pattern = pattern
        self.size_bytes = size_bytes


def budgets_of(pairs: "dict[str, str]") -> "list[ToolBudget]":
    """The budgets of a compiled file, in its order; what follows a torn line is left out, so that no index shifts."""
    budgets: list[ToolBudget] = []
    while True:
        size, _, pattern = pairs.get(f"{PAIR}{len(budgets)}", "").partition(" ")
        if not pattern or not (size.isascii() and size.isdigit() and len(size) < 20):
            return budgets
        budgets.append(ToolBudget(pattern, int(size)))


def budget_index(budgets: "list[ToolBudget]", tool: str, command: str) -> int:
    """Which of `budgets` a call of `tool` has; -1 for none.

    Of the `Tool(glob)` that match the command the smallest, else the tool's own name, else `default`. `mcp__server`
    stands for all tools of that server, and for its process. `command` is empty where the tool takes none.
    """
    matching = _matching(budgets, tool, command)
    if matching:
        return min(matching, key=lambda index: budgets[index].size_bytes)
    patterns = [budget.pattern for budget in budgets]
    return next((patterns.index(name) for name in (*_names(tool), DEFAULT) if name in patterns), -1)


def needs_command(budgets: "list[ToolBudget]", tool: str) -> bool:
    """Whether the budget of a call of `tool` depends on its command."""
    return any(glob and name == tool for name, glob in map(split_pattern, budgets))


def split_pattern(budget: ToolBudget) -> "tuple[str, str]":
    """The tool's name and the glob of its command (empty: none) in a pattern."""
    name, _, rest = budget.pattern.partition("(")
    return name, rest[:-1]


def _names(tool: str) -> "list[str]":
    """The names that a tool answers to: its own, and that of its MCP server, which may hold `__` itself."""
    names = [tool]
    while tool.startswith(_MCP) and tool.count("__") > 1:
        tool = tool.rpartition("__")[0]
        names.append(tool)
    return names


def _matching(budgets: "list[ToolBudget]", tool: str, command: str) -> "list[int]":
    if not command or not needs_command(budgets, tool):
        return []
    commands = commands_in(command)
    globs = [glob if name == tool else "" for name, glob in map(split_pattern, budgets)]
    return [index for index, glob in enumerate(globs) if glob and any(_is_match(glob, text) for text in commands)]


def _is_match(glob: str, command: str) -> bool:
    """`pytest:*`, as in the client's own permission rules, is `pytest` alone or with arguments."""
    if glob.endswith(":*"):
        return matches_glob(glob[:-2], command) or matches_glob(f"{glob[:-2]} *", command)
    return matches_glob(glob, command)


def matches_glob(glob: str, text: str) -> bool:
    """Whether all of `text` matches; `*` stands for any characters, none included, and nothing else is special.

    The pieces between stars are looked for once each, from left to right: no text makes it slow.
    """
    first, *between = glob.split("*")
    if not between:
        return text == glob
    last = between.pop()
    position, end = len(first), len(text) - len(last)
    if position > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for piece in between:
        position = text.find(piece, position, end) + len(piece)
        if position < len(piece):
            return False
    return True


def commands_in(command: str) -> "set[str]":
    """The whole command, and each of those that it is made of, without what stands before them (`X=1`, `time`)."""
    command = command[:_LONGEST_COMMAND]
    parts = _parts(command, "'\"")
    if not parts:  # an open quote, such as an apostrophe in a here-document
        parts = _parts(command, "")
    return {command.strip()} | {_bare(part) for part in (command, *parts)}


def _parts(command: str, quotes: str) -> "list[str]":
    """What stands between separators outside quotes; empty where a quote stays open."""
    parts: list[str] = []
    begun = position = 0
    quote = ""
    while position < len(command) and len(parts) < _MOST_PARTS:
        character = command[position]
        if character == "\\" and quote != "'":
            position += 1  # what follows stands for itself
        elif quote:
            quote = "" if character == quote else quote
        elif character in quotes:
            quote = character
        elif character in _SEPARATORS and command[position - 1 : position] not in ("<", ">"):  # `2>&1` is none
            parts.append(command[begun:position])
            begun = position + 1
        position += 1
    return [] if quote else [*parts, command[begun:]]


def _bare(part: str) -> str:
    """A part without the words before its command."""
    part = part.strip()
    for _ in range(_MOST_PREFIXES):
        end = _word_end(part)
        if end == len(part) or not (part[:end] in _PREFIXES or _is_assignment(part[:end])):
            break
        part = part[end:].lstrip()
    return part


def _word_end(text: str) -> int:
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character.isspace():
            return position
    return len(text)


def _is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()
