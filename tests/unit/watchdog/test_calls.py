"""The calls that a restart cuts off."""

from __future__ import annotations

import json
from pathlib import Path

from memguard.core.call import call_fingerprint
from memguard.watchdog.calls import CutOff, cut_off_calls, drop_marks, leave_marks
from memguard.watchdog.tool_call import ToolCall


def _line(call: str, value: object) -> str:
    block = {"type": "tool_use", "id": call, "name": "Bash", "input": value}
    return json.dumps({"type": "assistant", "message": {"content": [block]}}) + "\n"


def _calls(**tools: str) -> dict[str, ToolCall]:
    return {call: ToolCall(call, tool) for call, tool in tools.items()}


def test_a_call_is_recognised_by_tool_and_input_whatever_the_order_of_its_keys(tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_text(_line("toolu_0", {"command": "ls"}) + _line("toolu_1", {"command": "make", "timeout": 5}))
    (call,) = cut_off_calls(_calls(toolu_1="Bash"), str(transcript))
    assert call.fingerprint == call_fingerprint("Bash", {"timeout": 5, "command": "make"})
    assert call.fingerprint != call_fingerprint("Bash", {"command": "ls"})


def test_calls_that_only_read_may_run_again(tmp_path: Path) -> None:
    assert cut_off_calls(_calls(toolu_1="Read", toolu_2="Grep"), str(tmp_path / "none")) == []


def test_a_call_that_the_transcript_does_not_show_is_named_but_not_recognised(tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_text('{"torn toolu_1\n["toolu_1"]\n')
    (call,) = cut_off_calls(_calls(toolu_1="Bash"), str(transcript))
    assert (call.tool, call.tool_use_id, call.fingerprint) == ("Bash", "toolu_1", "")


def test_a_call_behind_thirty_megabytes_is_found(tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_text("x" * 30_000_000 + "\n" + _line("toolu_1", {"command": "make"}))
    assert cut_off_calls(_calls(toolu_1="Bash"), str(transcript))[0].fingerprint


def test_a_call_with_a_result_is_over_though_its_hook_was_lost(tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    result = {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "toolu_1"}]}}
    transcript.write_text(_line("toolu_1", {"command": "make"}) + json.dumps(result) + "\n")
    assert cut_off_calls(_calls(toolu_1="Bash"), str(transcript)) == []


def test_marks_are_there_only_while_a_call_may_come_back(tmp_path: Path) -> None:
    leave_marks(str(tmp_path), [CutOff("Bash", "toolu_1", "")])
    assert not (tmp_path / "in-flight").exists(), "a hook that finds the folder leaves its quiet path"
    leave_marks(str(tmp_path), [CutOff("Bash", "toolu_1", "abc-1")])
    assert (tmp_path / "in-flight" / "abc-1").exists()
    drop_marks(str(tmp_path))
    assert not (tmp_path / "in-flight").exists()
