"""Which processes a guard's watchdog saw a tool call begin with: `<guard>/tools/<pid>`, one small file each.

Such a process is known to be a tool's also where it carries no session id, and after its client has gone.
"""

import os

from memguard.core.identity import ProcessId, process_in
from memguard.core.layout import TOOLS, is_plain_id, private_dir, read_pairs, remove, write_pairs
from memguard.core.log import printable

_LONGEST = 120  # of a tool's name and a call's id, which come from the client


class ToolRecord:
    """One process, the call that it began for (`tool_use_id`), the tool's name, and the Claude session's id."""

    __slots__ = ("call", "session", "tool", "who")

    def __init__(self, who: ProcessId, call: str = "", tool: str = "", session: str = "") -> None:
        self.who = who
        self.call = call
        self.tool = tool
        self.session = session


def record_tool(guard_dir: str, record: ToolRecord) -> None:
    """Note a process before anything is done about it; a later note of the same pid replaces the former."""
    folder = private_dir(f"{guard_dir}/{TOOLS}")
    pairs: dict[str, object] = {
        "id": record.who.to_text(),
        "call": printable(record.call, _LONGEST),
        "tool": printable(record.tool, _LONGEST),
        "session": record.session if is_plain_id(record.session) else "",
    }
    write_pairs(f"{folder}/{record.who.pid}", pairs, lasts=False)


def forget_tool(guard_dir: str, pid: int) -> None:
    """Its process is gone. The folder stays: `tools_of` of an empty one costs a listing."""
    remove(f"{guard_dir}/{TOOLS}/{pid}")


def tools_of(guard_dir: str) -> list[ToolRecord]:
    """Every record that is whole; a torn one, or one under another's pid, is nobody."""
    folder = f"{guard_dir}/{TOOLS}"
    try:
        names = [name for name in os.listdir(folder) if name.isdecimal()]
    except OSError:
        return []
    found = (_record(name, read_pairs(f"{folder}/{name}")) for name in names)
    return [record for record in found if record]


def _record(name: str, pairs: dict[str, str]) -> "ToolRecord | None":
    who = process_in(pairs.get("id", ""))
    if who is None or str(who.pid) != name:
        return None
    session = pairs.get("session", "")
    return ToolRecord(who, pairs.get("call", ""), pairs.get("tool", ""), session if is_plain_id(session) else "")
