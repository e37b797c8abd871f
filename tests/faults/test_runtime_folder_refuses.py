"""A full or read-only runtime folder while a part is to be ended: it is ended all the same, nobody is left frozen."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from memguard.core.part import TOOL
from memguard.host.frozen_record import thaw_left
from memguard.host.run_state import is_stopped
from memguard.watchdog.part_action import ENDED, THAWED
from tests.guard_rig import MB, GuardRig
from tests.sandbox import wait_until
from tests.unit.host.workshop import gone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture(params=["full", "read-only"])
def spoilt(rig: GuardRig, request: pytest.FixtureRequest) -> Iterator[GuardRig]:
    """The guard's own folder takes nothing any more; it is a small file system, mounted over it."""
    guard = str(rig.guard)
    mount("-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", guard)
    try:
        if request.param == "full":
            _fill(rig.guard)
        else:
            mount("-o", "remount,ro", guard)
        yield rig
    finally:
        subprocess.run(["umount", "-l", guard], check=True)


def _fill(folder: Path) -> None:
    free = os.statvfs(folder)
    (folder / "filling").write_bytes(b"x" * (free.f_bavail * free.f_frsize))
    with pytest.raises(OSError, match="No space"):
        (folder / "one-more").write_bytes(b"x")


def test_a_tool_over_its_limit_is_ended(spoilt: GuardRig) -> None:
    root = spoilt.hold(TOOL, 30)
    spoilt.begin_call("toolu_1")
    outcome, action = spoilt.end(spoilt.excess(root, 30 * MB))
    assert (outcome, action.held) == (ENDED, [root])
    assert gone(root)
    assert spoilt.events("part_ended"), "the project's own folder takes it"
    assert "frozen processes not on record" in spoilt.log()
    assert "note for the model not written" in spoilt.log()


def test_one_that_is_not_confirmed_goes_on(spoilt: GuardRig) -> None:
    root = spoilt.hold(TOOL, 1)
    assert spoilt.end(spoilt.excess(root, 900 * MB))[0] == THAWED
    wait_until(lambda: not is_stopped(root.pid), "it goes on")


def test_looking_goes_on(spoilt: GuardRig) -> None:
    """Tools come and go, the watchdog reads on; what it can't write down is in its log."""
    root = spoilt.hold(TOOL, 1)
    assert spoilt.part(root).kind == TOOL
    assert spoilt.end(spoilt.excess(root))[0] == ENDED
    wait_until(lambda: spoilt.look() == [], "a look without the tool")
    assert "tool not on record" in spoilt.log()


def test_a_successor_begins_all_the_same(spoilt: GuardRig) -> None:
    assert thaw_left(str(spoilt.guard)) == []
