"""What a session is doing, by its hooks' lines and the client's registry."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.layout import write_pairs
from memguard.watchdog.activity import Activity

SESSION = "s1"
CLIENT = 4242


class Desk:
    """The files that an Activity reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("guard/sessions", "spool", "config/sessions"):
            (folder / name).mkdir(parents=True)
        self.transcript = folder / f"{SESSION}.jsonl"
        client = ProcessId(CLIENT, 4711, "boot", "1")
        self.activity = Activity(str(folder / "guard"), str(folder / "spool"), client, str(folder / "config"))

    def begin(self, session: str = SESSION) -> None:
        pairs: dict[str, object] = {"transcript": str(self.transcript), "cwd": "/work"}
        write_pairs(str(self.folder / "guard" / "sessions" / session), pairs)

    def event(self, name: str, **fields: object) -> None:
        line = {"event": name, "client_pid": CLIENT, "mode": "", "tool": "", "tool_use_id": "", "source": "", **fields}
        with (self.folder / "spool" / f"{SESSION}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def registry(self, status: str) -> None:
        record = {"sessionId": SESSION, "cwd": "/work", "status": status}
        (self.folder / "config" / "sessions" / f"{CLIENT}.json").write_text(json.dumps(record))

    def updated(self) -> Activity:
        self.activity.update()
        return self.activity


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.begin()
    return desk


def test_a_turn_begins_with_a_prompt_and_ends_with_stop(desk: Desk) -> None:
    assert desk.updated().at_boundary()
    desk.event("UserPromptSubmit")
    assert not desk.updated().at_boundary()
    desk.event("Stop")
    assert desk.updated().at_boundary()


def test_a_stop_with_background_tasks_is_no_boundary(desk: Desk) -> None:
    desk.event("Stop", background=1)
    assert not desk.updated().at_boundary()


def test_the_registry_says_busy_before_any_hook_does(desk: Desk) -> None:
    desk.registry("busy")
    assert not desk.updated().at_boundary()
    desk.registry("idle")
    assert desk.updated().at_boundary()


def test_a_lost_stop_is_made_up_for_by_the_registry(desk: Desk) -> None:
    desk.event("UserPromptSubmit")
    desk.registry("idle")
    assert desk.updated().at_boundary()


def test_an_open_permission_prompt_is_no_boundary_at_first(desk: Desk) -> None:
    desk.registry("waiting")
    assert not desk.updated().at_boundary()


def test_calls_are_in_flight_between_their_two_hooks(desk: Desk) -> None:
    desk.event("PreToolUse", tool="Bash", tool_use_id="toolu_1")
    desk.event("PreToolUse", tool="Edit", tool_use_id="toolu_2")
    desk.event("PostToolUse", tool="Edit", tool_use_id="toolu_2")
    assert {call: found.tool for call, found in desk.updated().in_flight.items()} == {"toolu_1": "Bash"}
    desk.event("PostToolUseFailure", tool="Bash", tool_use_id="toolu_1")
    assert desk.updated().in_flight == {}


def test_a_call_carries_its_budget_and_its_beginning(desk: Desk) -> None:
    desk.event("PreToolUse", tool="Bash", tool_use_id="toolu_1", budget=2, t_utc=1700000000.5)
    call = desk.updated().in_flight["toolu_1"]
    assert (call.tool_use_id, call.budget_index, call.started_utc) == ("toolu_1", 2, 1700000000.5)


@pytest.mark.parametrize(
    "odd", [{}, {"budget": "2", "t_utc": "late"}, {"budget": 1.5, "t_utc": []}, {"budget": None, "t_utc": None}]
)
def test_a_line_of_another_version_is_a_call_without_a_budget(desk: Desk, odd: dict[str, object]) -> None:
    desk.event("PreToolUse", tool="Bash", tool_use_id="toolu_1", **odd)
    call = desk.updated().in_flight["toolu_1"]
    assert (call.tool, call.budget_index, call.started_utc) == ("Bash", -1, 0.0)


def test_the_last_known_mode_counts_and_an_unknown_one_does_not(desk: Desk) -> None:
    desk.event("PreToolUse", mode="plan")
    desk.event("PostToolUse", mode="root")
    assert desk.updated().permission_mode == "plan"


def test_lines_of_another_client_of_the_same_session_are_not_its_own(desk: Desk) -> None:
    desk.event("UserPromptSubmit", client_pid=CLIENT + 1, mode="bypassPermissions")
    assert desk.updated().at_boundary()
    assert desk.activity.permission_mode == ""


def test_a_torn_line_is_read_once_it_is_whole(desk: Desk) -> None:
    spool = desk.folder / "spool" / f"{SESSION}.jsonl"
    desk.event("UserPromptSubmit")
    whole = spool.read_bytes()
    spool.write_bytes(whole[:-5])
    assert not desk.updated().is_busy
    spool.write_bytes(whole)
    assert desk.updated().is_busy


def test_a_line_that_is_no_json_is_passed_over(desk: Desk) -> None:
    (desk.folder / "spool" / f"{SESSION}.jsonl").write_bytes(b"\xff{}\n[]\n7\n")
    desk.event("UserPromptSubmit")
    assert desk.updated().is_busy


def test_a_new_session_under_the_same_client_is_followed(desk: Desk) -> None:
    desk.updated()
    desk.begin("s2")
    os.utime(desk.folder / "guard" / "sessions" / SESSION, (1, 1))
    assert desk.updated().session_id == "s2"


def test_without_hooks_the_registry_names_the_session(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.registry("idle")
    folder = tmp_path / "config" / "projects" / "-work"
    folder.mkdir(parents=True)
    (folder / f"{SESSION}.jsonl").write_text('{"type":"user"}\n')
    assert desk.updated().session_id == SESSION
    assert desk.activity.has_conversation()


def test_a_transcript_without_a_message_is_no_conversation(desk: Desk) -> None:
    assert not desk.updated().has_conversation()
    desk.transcript.write_text('{"type":"attachment"}\n')
    assert not desk.activity.has_conversation()
    desk.transcript.write_text('{"type":"attachment"}\n{"type":"user","message":{}}\n')
    assert desk.activity.has_conversation()


def test_a_resumed_client_is_known_by_what_it_reads(desk: Desk) -> None:
    desk.transcript.write_text("x" * 1000)
    desk.event("SessionStart", source="resume", t_utc=time.time() - 3600)
    assert desk.updated().resumed_bytes == 0, "it has read it long ago"
    desk.event("SessionStart", source="resume", t_utc=time.time())
    assert desk.updated().resumed_bytes == 1000


def test_an_open_permission_prompt_that_is_left_alone_becomes_a_boundary(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.registry("waiting")
    desk.updated()
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 61)
    assert desk.updated().at_boundary()


def test_the_registry_of_a_former_process_with_this_pid_is_not_believed(desk: Desk) -> None:
    record = {"sessionId": "stale", "status": "busy", "procStart": "99"}
    (desk.folder / "config" / "sessions" / f"{CLIENT}.json").write_text(json.dumps(record))
    assert desk.updated().status == ""
    (desk.folder / "config" / "sessions" / f"{CLIENT}.json").write_text(json.dumps({**record, "procStart": "4711"}))
    assert desk.updated().status == "busy"


def test_another_prompt_says_that_open_calls_are_over(desk: Desk) -> None:
    """An interrupted or denied call gets no Post hook."""
    desk.event("PreToolUse", tool="Bash", tool_use_id="toolu_1")
    desk.event("UserPromptSubmit")
    assert desk.updated().in_flight == {}


def test_clear_leaves_nothing_of_the_conversation_before(desk: Desk) -> None:
    desk.event("Stop", background=1)
    desk.event("PreToolUse", tool="Bash", tool_use_id="toolu_1")
    desk.event("SessionStart", source="clear")
    assert desk.updated().at_boundary()
    assert desk.activity.in_flight == {}
