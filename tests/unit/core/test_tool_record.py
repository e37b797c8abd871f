"""What is recorded of a tool's process."""

from __future__ import annotations

from pathlib import Path

from memguard.core.identity import ProcessId
from memguard.core.tool_record import ToolRecord, forget_tool, record_tool, tools_of

WHO = ProcessId(77, 1234, "boot", "4026531836")


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    assert tools_of(str(tmp_path)) == []
    record_tool(str(tmp_path), ToolRecord(WHO, "toolu_1", "Bash", "session-1"))
    (found,) = tools_of(str(tmp_path))
    assert (found.who, found.call, found.tool, found.session) == (WHO, "toolu_1", "Bash", "session-1")
    forget_tool(str(tmp_path), WHO.pid)
    assert tools_of(str(tmp_path)) == []


def test_hostile_names_stay_one_line(tmp_path: Path) -> None:
    record_tool(str(tmp_path), ToolRecord(WHO, "a\nid=1:1:x:y", "b\r\nc=d", "../x"))
    (found,) = tools_of(str(tmp_path))
    assert (found.who, found.session) == (WHO, "")
    assert "\n" not in found.call + found.tool


def test_what_is_torn_or_under_anothers_pid_is_nobody(tmp_path: Path) -> None:
    record_tool(str(tmp_path), ToolRecord(WHO))
    folder = tmp_path / "tools"
    (folder / "78").write_text((folder / "77").read_text())
    (folder / "79").write_text("id=79:1")
    (folder / "x").mkdir()
    assert [record.who.pid for record in tools_of(str(tmp_path))] == [77]
