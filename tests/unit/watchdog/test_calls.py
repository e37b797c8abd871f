"""The calls that a restart cuts off."""

from __future__ import annotations

import json
from pathlib import Path

from memguard.core.call import call_fingerprint
from memguard.watchdog.calls import cut_off_calls


def _line(call: str, value: object) -> str:
    block = {"type": "tool_use", "id": call, "name": "Bash", "input": value}
    return json.dumps({"type": "assistant", "message": {"content": [block]}}) + "\n"


def test_a_call_is_recognised_by_tool_and_input_whatever_the_order_of_its_keys(tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_text(_line("toolu_0", {"command": "ls"}) + _line("toolu_1", {"command": "make", "timeout": 5}))
    (call,) = cut_off_calls({"toolu_1": "Bash"}, str(transcript))
    assert call.fingerprint == call_fingerprint("Bash", {"timeout": 5, "command": "make"})
    assert call.fingerprint != call_fingerprint("Bash", {"command": "ls"})


def test_calls_that_only_read_may_run_again(tmp_path: Path) -> None:
    assert cut_off_calls({"toolu_1": "Read", "toolu_2": "Grep"}, str(tmp_path / "none")) == []


def test_a_call_that_the_transcript_does_not_show_is_named_but_not_recognised(tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_text('{"torn toolu_1\n["toolu_1"]\n')
    (call,) = cut_off_calls({"toolu_1": "Bash"}, str(transcript))
    assert (call.tool, call.tool_use_id, call.fingerprint) == ("Bash", "toolu_1", "")


def test_a_call_behind_thirty_megabytes_is_found(tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_text("x" * 30_000_000 + "\n" + _line("toolu_1", {"command": "make"}))
    assert cut_off_calls({"toolu_1": "Bash"}, str(transcript))[0].fingerprint
