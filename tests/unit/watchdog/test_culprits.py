"""Which part of a session is to go, and what earlier searches have come to."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from memguard.core.layout import PART_TURN, PAUSE, write_pairs
from memguard.core.lock import FileLock
from memguard.core.part import HOOK, MCP, TOOL
from memguard.core.pause import FOR_EVER
from memguard.core.reading import Pressure
from memguard.guard.excess import Excess
from tests.guard_rig import MB, GuardRig
from tests.sandbox import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from memguard.core.identity import ProcessId

# Nothing that Python starts holds so little, nor a program that says that it holds nothing so much.
LIMITS = {"warning_bytes": 60 * MB, "critical_bytes": 80 * MB, "emergency_bytes": 2000 * MB}


def found(rig: GuardRig) -> Excess | None:
    rig.look()
    return rig.session.culprits.find()


def over(rig: GuardRig) -> tuple[ProcessId, str, int, int] | None:
    """The culprit, and over what."""
    excess = found(rig)
    return (excess.part.root, excess.limit, excess.limit_bytes, excess.least_bytes) if excess else None


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The clock of the watchdog is so much further."""
    now_s = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: now_s)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("default", "the default budget"),
        ("Bash", "the budget of Bash"),
        ("Bash(pytest*)", "the budget of Bash(pytest*)"),
    ],
)
def test_a_tool_over_its_budget(make_rig: Callable[..., GuardRig], pattern: str, name: str) -> None:
    rig = make_rig({pattern: 30 * MB})
    rig.begin_call("toolu_1", budget_index=0)
    root = rig.hold(TOOL, 30)
    assert over(rig) == (root, name, 30 * MB, 30 * MB)


def test_a_tool_below_its_budget(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"default": 200 * MB})
    rig.hold(TOOL, 30)
    assert found(rig) is None


def test_a_tool_at_its_budget_is_over_it(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"default": 200 * MB})
    root = rig.hold(TOOL, 30)
    held_bytes = rig.part(root).footprint_bytes
    rig.session.settings.tools[0].size_bytes = held_bytes + 1
    assert rig.session.culprits.find() is None
    rig.session.settings.tools[0].size_bytes = held_bytes
    assert rig.session.culprits.find() is not None


def test_what_has_no_budget_is_over_none(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"mcp__files": 1, "Read": 1})
    rig.hold(TOOL, 10)
    rig.hold(HOOK, 10)
    assert found(rig) is None


def test_a_budget_that_the_file_has_no_more_is_none(make_rig: Callable[..., GuardRig]) -> None:
    """The person took it away while the tool ran."""
    rig = make_rig({"default": 1})
    rig.hold(TOOL, 10)
    rig.look()
    rig.session.settings.tools.clear()
    assert rig.session.culprits.find() is None


def test_a_session_over_its_limit_has_a_culprit_without_any_budget(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig(**LIMITS)
    root = rig.hold(MCP, 90)
    excess = found(rig)
    assert excess is not None
    assert (excess.part.root, excess.limit, excess.limit_bytes) == (root, "the session's critical limit", 80 * MB)
    assert 0 < excess.least_bytes == rig.session.subject.confirmed_bytes - 80 * MB


def test_at_an_emergency_it_is_that_limit_which_is_named(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig(**(LIMITS | {"emergency_bytes": 90 * MB}))
    rig.hold(TOOL, 100)
    excess = found(rig)
    assert excess is not None
    assert (excess.limit, excess.limit_bytes) == ("the session's emergency limit", 90 * MB)


def test_a_session_with_a_warning_has_none(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig(**(LIMITS | {"critical_bytes": 1000 * MB}))
    rig.hold(TOOL, 90)
    assert found(rig) is None
    assert rig.session.subject.state == "WARNING"


def test_where_no_part_alone_is_enough_the_client_is_restarted(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig(**LIMITS)
    for _ in range(3):
        rig.hold(TOOL, 45)
    assert found(rig) is None
    assert rig.session.subject.state == "CRITICAL"


def test_while_a_conversation_is_read_the_parts_are_not_to_blame(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig(**LIMITS)
    rig.hold(TOOL, 90)
    assert found(rig) is not None
    rig.session.activity.resumed_bytes = 100 * MB
    assert found(rig) is None


def test_shared_memory_counts_once_in_the_search(make_rig: Callable[..., GuardRig]) -> None:
    """Four that share 50 MB seem to be the largest part; the one that holds 100 alone is."""
    code = (
        "import os, time\nheld = bytearray(50 << 20)\nheld[::4096] = b'x' * (50 << 8)\n"
        "for _ in range(3):\n    if not os.fork():\n        sum(held[::4096])\n        break\n"
        "print('ready', flush=True)\ntime.sleep(120)\n"
    )
    limits = {"warning_bytes": 130 * MB, "critical_bytes": 150 * MB, "emergency_bytes": 3000 * MB}
    rig = make_rig(**limits)
    sharers = rig.python(TOOL, code)
    wait_until(lambda: len(rig.said()) == 4, "four sharers")
    alone = rig.hold(MCP, 100)
    excess = found(rig)
    assert excess is not None
    assert excess.part.root == alone
    assert rig.part(sharers).footprint_bytes > 200 * MB


def test_one_that_was_not_confirmed_is_looked_at_again_when_it_has_grown(
    make_rig: Callable[..., GuardRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig({"default": 20 * MB})
    root = rig.hold(TOOL, 30)
    excess = found(rig)
    assert excess is not None
    rig.session.culprits.not_confirmed(excess)
    assert found(rig) is None
    part = rig.part(root)
    part.processes[0].footprint_bytes = int(1.05 * part.footprint_bytes)
    assert rig.session.culprits.find() is None
    part.processes[0].footprint_bytes = int(1.2 * part.footprint_bytes)
    assert rig.session.culprits.find() is not None
    later(monkeypatch, 31)
    assert found(rig) is not None, "after a while also where it has not grown: sharing may have ended"


def test_one_that_can_not_be_ended_is_left_alone_for_a_minute(
    make_rig: Callable[..., GuardRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig({"default": 20 * MB})
    first = rig.hold(TOOL, 30)
    excess = found(rig)
    assert excess is not None
    rig.session.culprits.not_ended(excess)
    second = rig.hold(TOOL, 30)
    assert over(rig) == (second, "the default budget", 20 * MB, 20 * MB), "that is no reason to spare another one"
    later(monkeypatch, 61)
    assert {part.root for part in rig.session.culprits._candidates()} == {first, second}


def test_what_is_remembered_of_parts_goes_with_them(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"default": 20 * MB})
    rig.hold(TOOL, 30)
    excess = found(rig)
    assert excess is not None
    rig.session.culprits.not_ended(excess)
    rig.session.parts.now = []
    rig.session.culprits.find()
    assert rig.session.culprits._again == {}


def short(rig: GuardRig, total_mb: int = 400, left_mb: int = 5) -> None:
    """As if the host had nearly no memory left; it isn't looked at again at once."""
    rig.look()
    rig.session.shortage.is_short = True
    rig.session.shortage.left_bytes = left_mb * MB
    rig.session.shortage.reading = Pressure(total_mb * MB, left_mb * MB)


def test_on_a_host_that_is_short_the_part_that_took_it_goes(rig: GuardRig) -> None:
    rig.hold(TOOL, 1)
    root = rig.hold(MCP, 40)
    short(rig, left_mb=20)
    excess = rig.session.culprits.find()
    assert excess is not None
    assert (excess.part.root, excess.limit) == (root, "what the host has left")
    assert (excess.limit_bytes, excess.least_bytes) == (20 * MB, 20 * MB)


def test_a_part_that_holds_less_than_is_left_is_not_ended_for_the_hosts_sake(rig: GuardRig) -> None:
    rig.hold(TOOL, 40)
    short(rig, left_mb=200)
    assert rig.session.culprits.find() is None


def test_in_a_control_group_the_yardstick_is_what_that_has_left(rig: GuardRig) -> None:
    """A container of 2 GB on a host of 64: no part of it ever holds 5 % of the host."""
    root = rig.hold(TOOL, 60)
    short(rig, total_mb=64_000, left_mb=20)
    excess = rig.session.culprits.find()
    assert excess is not None
    assert excess.part.root == root


def test_a_host_that_says_nothing_of_what_is_left(rig: GuardRig) -> None:
    rig.hold(TOOL, 40)
    short(rig, left_mb=0)
    rig.session.shortage.left_bytes = -1
    excess = rig.session.culprits.find()
    assert excess is not None
    assert excess.limit_bytes == 1


def test_of_several_hungry_parts_the_fastest_growing_goes(rig: GuardRig) -> None:
    rig.hold(TOOL, 60)
    growing = rig.hold(TOOL, 40)
    short(rig)
    for part in rig.session.parts.now:
        part.rate_bytes_per_s = float(part.root == growing)
    excess = rig.session.culprits.find()
    assert excess is not None
    assert excess.part.root == growing


def hungry(rig: GuardRig) -> ProcessId:
    """A part that is to go for the host's sake."""
    root = rig.hold(TOOL, 40)
    short(rig)
    return root


def turn(rig: GuardRig, guard_id: str, age_s: float = 0) -> Path:
    """As if that session had had its turn so long ago."""
    path = rig.runtime / PART_TURN
    path.write_text(guard_id)
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def test_of_several_sessions_one_acts_and_the_next_looks_whether_it_was_enough(rig: GuardRig) -> None:
    hungry(rig)
    path = turn(rig, "another")
    assert rig.session.culprits.find() is None
    os.utime(path, (time.time() - 4, time.time() - 4))
    assert rig.session.culprits.find() is not None
    assert path.read_text() == "g1"


def test_who_has_the_turn_keeps_it(rig: GuardRig) -> None:
    """It found its part not to hold what it seemed to, and has another one."""
    hungry(rig)
    assert rig.session.culprits.find() is not None
    assert rig.session.culprits.find() is not None


def test_a_clock_that_was_set_back_holds_nobody_up(rig: GuardRig) -> None:
    hungry(rig)
    turn(rig, "another", age_s=-3600)
    assert rig.session.culprits.find() is not None


def test_while_another_session_has_its_turn_this_one_still_minds_its_own_limit(
    make_rig: Callable[..., GuardRig],
) -> None:
    rig = make_rig(**LIMITS)
    for _ in range(3):
        rig.hold(TOOL, 45)
    short(rig)
    turn(rig, "another")
    assert rig.session.culprits.find() is None
    assert rig.session.view().state == "CRITICAL"
    assert rig.session.view().excess is None, "so that the rules decide about the session"


@pytest.mark.parametrize("how", ["observes", "is paused"])
def test_whoever_would_do_nothing_takes_nobodys_turn(rig: GuardRig, how: str) -> None:
    hungry(rig)
    if how == "observes":
        rig.session.settings.mode = "observe"
    else:
        write_pairs(f"{rig.session.guard_dir}/{PAUSE}", {"until_utc": FOR_EVER})
    assert rig.session.culprits.find() is None
    assert not (rig.runtime / PART_TURN).exists()


def test_while_another_session_decides_this_one_waits(rig: GuardRig) -> None:
    hungry(rig)
    with FileLock(str(rig.runtime / PART_TURN)):
        assert rig.session.culprits.find() is None
    assert rig.session.culprits.find() is not None


def test_where_no_turn_can_be_taken_it_is_ended_all_the_same(rig: GuardRig) -> None:
    """A runtime folder that refuses."""
    hungry(rig)
    (rig.runtime / PART_TURN).mkdir()
    assert rig.session.culprits.find() is not None
    assert "no turn among the sessions" in rig.log()


def test_what_is_over_a_limit_of_its_own_waits_for_nobody(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"default": 20 * MB})
    rig.hold(TOOL, 40)
    with FileLock(str(rig.runtime / PART_TURN)):
        assert found(rig) is not None


def test_the_budget_comes_before_the_sessions_limit_and_that_before_the_hosts(
    make_rig: Callable[..., GuardRig],
) -> None:
    rig = make_rig({"mcp": 20 * MB}, **LIMITS)
    rig.hold(TOOL, 90)
    server = rig.hold(MCP, 30)
    short(rig)
    excess = rig.session.culprits.find()
    assert excess is not None
    assert (excess.part.root, excess.limit) == (server, "the budget of mcp")
    rig.session.settings.tools.clear()
    excess = rig.session.culprits.find()
    assert excess is not None
    assert excess.limit == "the session's critical limit"
