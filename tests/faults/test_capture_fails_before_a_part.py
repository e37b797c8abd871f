"""The capture fails, hangs or can't be started while a culprit is frozen: it is ended all the same, which is said."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from memguard.core.part import TOOL
from memguard.watchdog import part_action
from memguard.watchdog.part_action import ENDED
from tests.unit.host.workshop import gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.guard_rig import GuardRig

PROGRAMS = {
    "fails": "#!/bin/sh\necho the disk is gone >&2\nexit 1\n",
    "hangs": "#!/bin/sh\nexec sleep 60\n",
    "says nothing": "#!/bin/sh\n",
    "says too much": "#!/bin/sh\nyes '../../etc/passwd' | head -c 3000000\n",
}


def rig_with(make_rig: Callable[..., GuardRig], python: str) -> GuardRig:
    rig = make_rig(python=python)
    rig.session.activity.session_id = "s1"
    rig.begin_call("toolu_1")
    return rig


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("how", PROGRAMS)
def test_the_part_is_ended_without_a_snapshot(
    make_rig: Callable[..., GuardRig], monkeypatch: pytest.MonkeyPatch, tmp_path: object, how: str
) -> None:
    monkeypatch.setattr(part_action, "_CAPTURE_TIMEOUT_S", 0.5)
    program = f"{tmp_path}/python"
    with open(program, "w", encoding="utf-8") as file:
        file.write(PROGRAMS[how])
    os.chmod(program, 0o700)
    rig = rig_with(make_rig, program)
    root = rig.hold(TOOL, 1)
    excess, before = rig.excess(root), descriptors()
    begun_s = time.monotonic()
    outcome, action = rig.end(excess)
    assert time.monotonic() - begun_s < 30, "not the minute that the program would take"
    assert (outcome, action.snapshot) == (ENDED, "")
    assert gone(root)
    assert descriptors() == before
    assert "no snapshot before tool was ended" in rig.log()
    assert rig.events("part_ended")[0]["snapshot"] == ""
    assert rig.notes()["toolu_1"]["snapshot"] == ""


@pytest.mark.parametrize("program", ["/nowhere/python", "/etc/passwd"])
def test_a_program_that_can_not_be_started_costs_the_snapshot_alone(
    make_rig: Callable[..., GuardRig], program: str
) -> None:
    """An environment that was removed, or is just being upgraded."""
    rig = rig_with(make_rig, program)
    root = rig.hold(TOOL, 1)
    excess, before = rig.excess(root), descriptors()
    assert rig.end(excess)[0] == ENDED
    assert gone(root)
    assert descriptors() == before
    assert "no snapshot before tool was ended" in rig.log()
