"""What a child of the client is, by the variables that Claude Code gives to what it starts.

Measured with 2.1.330, direct children only:

    tool   a process session of its own; CLAUDE_PID, and no CLAUDE_PROJECT_DIR
    hook   a process session of its own; CLAUDE_PID and CLAUDE_PROJECT_DIR
    mcp    the client's process session; CLAUDE_PROJECT_DIR, and no CLAUDE_PID

A client that sets none of them leaves "other".
"""

import os

from memguard.core.part import HOOK, MCP, OTHER, TOOL
from memguard.host.environment import begins_with

# What says nothing of a program by itself: a folder or a file that every package has.
_COMMON = frozenset(
    ("index", "main", "__main__", "cli", "server", "dist", "build", "bin", "lib", "src", "start", "run")
)
_INTERPRETERS = ("python", "node", "bun", "deno", "ruby", "perl", "java", "sh", "bash", "npx", "uvx", "uv")
_TEXT_FOLLOWS = ("--eval", "--print", "--command")
_LONGEST_NAME = 64


def origin_of(pid: int, client_pid: int, proc: str = "/proc") -> str:
    """One of the kinds of `core.part`; "other" also for one that is gone, or has not come to its own program yet.

    A client that was itself started inside a session hands the outer CLAUDE_PID on: it counts only where it names the
    client.
    """
    has_pid, has_project = begins_with(pid, (b"CLAUDE_PID=%d\0" % client_pid, b"CLAUDE_PROJECT_DIR="), proc)
    if has_pid:
        return HOOK if has_project else TOOL
    return MCP if has_project else OTHER


def program_of(pid: int, proc: str = "/proc") -> str:
    """A name for people of what a process runs: the program, or the script that an interpreter was given.

    `node /opt/server-files/dist/index.js --key=x` is `server-files`. Arguments may hold secrets, so nothing else of
    them is looked at. Empty where it is gone.
    """
    try:
        with open(f"{proc}/{pid}/cmdline", "rb") as file:
            words = file.read(65536).decode("utf-8", "replace").split("\0")
    except OSError:
        return ""
    name = _speaking_name(words[0]) if words else ""
    if name.rstrip("0123456789.") in _INTERPRETERS:
        name = _speaking_name(_script_in(words[1:8])) or name
    return "".join(c if c.isalnum() or c in "_-.:@" else "?" for c in name)[:_LONGEST_NAME]


def _script_in(words: "list[str]") -> str:
    """The first word that is no option; empty where it is a program's text instead, as behind `-c` or `-lc`."""
    for word in words:
        if word[:1] != "-":
            return "" if any(c.isspace() for c in word) else word
        if word in _TEXT_FOLLOWS or (word[1:2] != "-" and word[-1] in "ceEp"):
            return ""
    return ""


def _speaking_name(path: str) -> str:
    """The last part of a path that isn't in every package."""
    parts = [part for part in path.split("/") if part]
    for part in reversed(parts):
        if os.path.splitext(part)[0] not in _COMMON:
            return part
    return parts[-1] if parts else ""
