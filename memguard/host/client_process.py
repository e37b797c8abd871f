"""A running client as its process shows it: command line, variables, folder, ancestors, and its own registry entry.

All of it is the client's word, and kept only as long as it takes to judge it or to start the client again: variables
hold secrets.
"""

import os

from memguard.core.identity import ProcessId
from memguard.host import current, identity

# Far above what Linux lets a program be started with (6 MB of words and variables).
_MOST_BYTES = 8 * 1024 * 1024
_LONGEST_REGISTRY = 65536
_INTERPRETERS = ("node", "nodejs", "bun", "deno", "python")
_SCRIPTS = (".js", ".cjs", ".mjs", ".py")


class ClientProcess:
    """What was read of one process at one moment. `line` holds its own pid and its ancestors', nearest first."""

    __slots__ = ("config_dir", "cwd", "environment", "exe", "line", "registry", "who", "words")

    def __init__(self, who: ProcessId) -> None:
        self.who = who
        self.words: list[str] = []
        self.environment: dict[str, str] = {}
        self.exe = ""
        self.cwd = ""
        self.config_dir = ""
        self.registry: dict[str, object] = {}
        self.line: list[int] = [who.pid]

    def entry(self, name: str) -> str:
        """A text of its registry entry; empty where it has none, or something else."""
        value = self.registry.get(name)
        return value if isinstance(value, str) else ""

    @property
    def is_registered(self) -> bool:
        """Whether the client's own registry names this very process."""
        return bool(self.registry)

    def looks_like_client(self) -> bool:
        """Whether its program is called as the client is; a name alone, so only for who names the pid himself."""
        names = [os.path.basename(self.exe), *(os.path.basename(word) for word in self.words[:1])]
        script = self.words[self.prefix_length() - 1] if self.words else ""
        return any(name == "claude" or name.startswith("claude.") for name in names) or "/claude-code/" in script

    def prefix_length(self) -> int:
        """How many words name the program: one, or an interpreter with its options and the script."""
        if not os.path.basename(self.exe).rstrip("0123456789.").startswith(_INTERPRETERS):
            return 1
        for position, word in enumerate(self.words[1:], start=1):
            if word.endswith(_SCRIPTS):
                return position + 1
            if not word.startswith("-"):
                break
        return 1

    def has_whole_command_line(self) -> bool:
        """Whether its command line is as it was started: older clients write their title over it."""
        is_script = os.path.basename(self.exe).rstrip("0123456789.").startswith(_INTERPRETERS)
        is_overwritten = self.words[-2:] == ["", ""]
        return bool(self.words) and not is_overwritten and (not is_script or self.prefix_length() > 1)


def read_client(who: ProcessId, proc: str = "/proc") -> "ClientProcess | None":
    """Read it; None where this very process is gone, isn't this user's, or may not be read."""
    client = ClientProcess(who)
    folder = f"{proc}/{who.pid}"
    try:
        client.words = _split(_read(f"{folder}/cmdline"))
        client.environment = _variables(_read(f"{folder}/environ"))
        client.exe = os.readlink(f"{folder}/exe")
        client.cwd = os.readlink(f"{folder}/cwd")
    except OSError:
        return None
    client.config_dir = client.environment.get("CLAUDE_CONFIG_DIR") or f"{client.environment.get('HOME', '')}/.claude"
    client.registry = read_registry(f"{client.config_dir}/sessions/{who.pid}.json", who)
    client.line = _line(who.pid, proc)
    # Asked last: whatever was read before is of this process, and of no other that got its pid.
    is_same = current.start_ticks(who.pid, proc) == who.start_ticks and current.is_mine(who.pid, proc)
    return client if is_same else None


def find_client(pid: int, proc: str = "/proc") -> "ClientProcess | None":
    """The same by a pid: whoever has it now."""
    ticks = current.start_ticks(pid, proc)
    return read_client(identity.process_id(pid, ticks), proc) if ticks else None


def read_registry(path: str, who: ProcessId) -> "dict[str, object]":
    """The client's entry (undocumented); empty where it is absent, torn, or of another process that had the pid."""
    import json  # not for a quiet hook

    try:
        with open(path, "rb") as file:
            entry = json.loads(file.read(_LONGEST_REGISTRY))
    except (OSError, ValueError):
        return {}
    if not isinstance(entry, dict) or entry.get("pid") != who.pid:
        return {}
    return entry if str(entry.get("procStart", "")) == str(who.start_ticks) else {}


def _read(path: str) -> bytes:
    pieces, size_bytes = [], 0
    with open(path, "rb", buffering=0) as file:
        while size_bytes < _MOST_BYTES and (piece := file.read(65536)):
            pieces.append(piece)
            size_bytes += len(piece)
    return b"".join(pieces)


def _split(data: bytes) -> "list[str]":
    """The words between NULs, as they would be given to `exec` again: an empty one is a word, too."""
    return [os.fsdecode(word) for word in data.removesuffix(b"\0").split(b"\0")] if data.strip(b"\0") else []


def _variables(data: bytes) -> "dict[str, str]":
    pairs = [os.fsdecode(item).split("=", 1) for item in data.split(b"\0") if b"=" in item[1:]]
    return {name: value for name, value in pairs if name}


def _line(pid: int, proc: str) -> "list[int]":
    line: list[int] = []
    while pid > 0 and pid not in line:
        line.append(pid)
        pid = current.parent_pid(pid, proc)
    return line
