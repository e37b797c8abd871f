"""What is left for the model to read of a part that was ended."""

from __future__ import annotations

import os
import time

import pytest

from memguard.core.part import MCP, TOOL, Part
from memguard.guard.excess import Excess
from memguard.watchdog.note import leave_note
from memguard.watchdog.part_action import PartAction
from tests.guard_rig import MB, GuardRig


def action_for(rig: GuardRig, kind: str = TOOL, name: str = "Bash", call: str = "toolu_1") -> PartAction:
    """As it is after the freeze."""
    part = Part(kind, name, rig.session.subject.client, [])
    part.call = call
    action = PartAction(rig.session, Excess(part, 1, "the budget of Bash(pytest*)", 200 * MB))
    action.frozen_bytes, action.snapshot = 231 * MB, "s-1"
    action.held = [rig.session.subject.client]
    return action


def test_it_says_what_was_ended_and_over_what(rig: GuardRig) -> None:
    rig.begin_call("toolu_1")
    assert leave_note(action_for(rig)) == "toolu_1"
    (note,) = rig.notes().values()
    assert abs(float(note.pop("t_utc")) - time.time()) < 60
    assert note == {
        "kind": "tool", "tool": "Bash", "footprint_bytes": str(231 * MB), "limit_bytes": str(200 * MB),
        "limit": "the budget of Bash(pytest*)", "processes": "1", "forced": "0", "snapshot": "s-1",
    }  # fmt: skip
    assert (rig.guard / "notes").stat().st_mode & 0o777 == 0o700
    assert (rig.guard / "notes" / "toolu_1").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("kind", "call"),
    [(TOOL, "toolu_over"), (TOOL, ""), (MCP, "toolu_1"), (TOOL, "../../x"), (TOOL, "a\nb"), (TOOL, "x" * 65)],
    ids=["a call that is over", "no call", "no tool", "a path", "a line break", "a long one"],
)
def test_what_belongs_to_no_call_in_flight_is_the_sessions(rig: GuardRig, kind: str, call: str) -> None:
    rig.begin_call("toolu_1")
    name = leave_note(action_for(rig, kind=kind, call=call))
    assert name.startswith("part-")
    assert set(rig.notes()) == {name}
    assert os.listdir(rig.guard / "notes") == [name]


def test_two_of_the_session_do_not_replace_each_other(rig: GuardRig) -> None:
    names = {leave_note(action_for(rig, kind=MCP)) for _ in range(5)}
    assert set(rig.notes()) == names
    assert len(names) == 5


def test_that_force_was_needed_is_said_later_in_the_same_note(rig: GuardRig) -> None:
    rig.begin_call("toolu_1")
    action = action_for(rig)
    name = leave_note(action)
    action.forced = True
    assert leave_note(action, name) == name
    assert {name: note["forced"] for name, note in rig.notes().items()} == {"toolu_1": "1"}


def test_a_note_that_the_hook_has_claimed_is_not_written_again(rig: GuardRig) -> None:
    """The model would read it twice."""
    rig.begin_call("toolu_1")
    action = action_for(rig)
    name = leave_note(action)
    (rig.guard / "notes" / name).unlink()
    leave_note(action, name)
    assert rig.notes() == {}


@pytest.mark.parametrize("name", ["a\nkind=client", "a\rb"])
def test_a_name_with_a_line_break_forges_nothing(rig: GuardRig, name: str) -> None:
    """No such name comes here: the spool's words and the programs' names are cleaned before."""
    assert leave_note(action_for(rig, name=name)) == ""
    assert rig.notes() == {}
    assert "note for the model not written" in rig.log()


def test_a_folder_that_can_not_be_made_costs_the_note_alone(rig: GuardRig) -> None:
    (rig.guard / "notes").write_text("")
    assert leave_note(action_for(rig)) == ""
    assert "note for the model not written" in rig.log()


def test_a_link_in_place_of_the_folder_is_not_followed(rig: GuardRig) -> None:
    elsewhere = rig.folder / "elsewhere"
    elsewhere.mkdir()
    (rig.guard / "notes").symlink_to(elsewhere)
    assert leave_note(action_for(rig)) == ""
    assert list(elsewhere.iterdir()) == []
