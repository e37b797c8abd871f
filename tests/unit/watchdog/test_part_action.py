"""Ending a part: frozen, confirmed, told, ended; or thawed."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from memguard.core.part import MCP, TOOL
from memguard.core.reading import ProcessReading
from memguard.guard.excess import Excess
from memguard.host.run_state import is_stopped
from memguard.watchdog import part_action
from memguard.watchdog.note import leave_note
from memguard.watchdog.part_action import ENDED, REMAINING, THAWED
from tests.guard_rig import HOLD, MB, GuardRig
from tests.sandbox import wait_until
from tests.unit.host.workshop import gone

# Holds 30 MB, and has four children that share them.
SHARERS = """
import os, time
held = bytearray(30 << 20)
held[::4096] = b"x" * (30 << 8)
for _ in range(4):
    if not os.fork():
        sum(held[::4096])
        print("ready", flush=True)
        break
time.sleep(120)
"""


def test_a_part_that_holds_what_it_seems_to_is_ended(rig: GuardRig) -> None:
    root = rig.hold(TOOL, 40)
    outcome, action = rig.end(rig.excess(root, 40 * MB))
    assert outcome == ENDED
    assert gone(root)
    assert 40 * MB <= action.frozen_bytes <= 60 * MB
    frozen, ended = rig.events()
    assert (frozen["event"], ended["event"]) == ("part_frozen", "part_ended")
    assert (frozen["held_all"], ended["forced"], ended["remaining"]) == (True, False, 0)
    assert (ended["kind"], ended["pid"], ended["limit"]) == (TOOL, root.pid, "the test's limit")
    assert ended["footprint_bytes"] == action.frozen_bytes


def test_it_stands_still_while_it_is_looked_at_and_is_told_of_before_the_first_signal(
    rig: GuardRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = rig.hold(TOOL, 1)
    rig.begin_call("toolu_1")
    seen: list[tuple[bool, bool]] = []

    def look(action: part_action.PartAction, name: str = "") -> str:
        seen.append((is_stopped(root.pid), (rig.guard / "frozen").read_text() == f"{root.to_text()}\n"))
        return leave_note(action, name)

    monkeypatch.setattr(part_action, "leave_note", look)
    assert rig.end(rig.excess(root))[0] == ENDED
    assert seen == [(True, True)]
    assert not (rig.guard / "frozen").exists()
    assert set(rig.notes()) == {"toolu_1"}


def test_sharers_are_thawed_and_go_on(rig: GuardRig) -> None:
    """The sum over five is 150 MB, what they hold together 30 and five interpreters."""
    root = rig.python(TOOL, SHARERS)
    wait_until(lambda: len(rig.said()) == 4, "four sharers")
    excess = rig.excess(root, 140 * MB)
    assert excess.part.footprint_bytes >= 140 * MB
    outcome, action = rig.end(excess)
    assert outcome == THAWED
    assert action.frozen_bytes < 140 * MB
    assert len(action.held) == 5
    wait_until(lambda: not any(is_stopped(who.pid) for who in action.held), "all of them go on")
    (event,) = rig.events()
    assert (event["event"], event["sum_bytes"]) == ("part_thawed", excess.part.footprint_bytes)
    assert rig.notes() == {}
    assert not (rig.guard / "frozen").exists()


def test_a_server_is_named_and_told_of_to_the_session(rig: GuardRig) -> None:
    script = rig.folder / "files-server.py"
    script.write_text(HOLD)
    root = rig.start(MCP, sys.executable, "-I", "-S", script, 20)
    assert rig.end(rig.excess(root))[0] == ENDED
    (event,) = rig.events("part_ended")
    assert (event["kind"], event["name_of_part"]) == (MCP, "files-server.py")
    ((name, note),) = rig.notes().items()
    assert name.startswith("part-")
    assert (note["kind"], note["tool"]) == (MCP, "files-server.py")


def test_the_client_and_its_other_parts_are_left_alone(rig: GuardRig) -> None:
    root, other = rig.hold(TOOL, 1), rig.hold(TOOL, 1)
    assert rig.end(rig.excess(root))[0] == ENDED
    assert not gone(other)
    assert rig.session.has_client()
    assert not is_stopped(rig.session.subject.client.pid)


def test_whatever_goes_wrong_nobody_is_left_stopped(rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
    root = rig.hold(TOOL, 1)
    excess = rig.excess(root)

    def fails(_: object) -> str:
        raise OSError("no descriptor is left")

    monkeypatch.setattr(part_action, "leave_note", fails)
    with pytest.raises(OSError, match="descriptor"):
        rig.end(excess)
    wait_until(lambda: not is_stopped(root.pid), "it goes on")
    assert not gone(root)
    assert not (rig.guard / "frozen").exists()


def test_a_part_that_is_gone_is_neither_ended_nor_thawed(rig: GuardRig) -> None:
    root = rig.hold(TOOL, 1)
    excess = rig.excess(root)
    os.kill(root.pid, signal.SIGKILL)
    wait_until(lambda: gone(root), "its end")
    assert rig.end(excess)[0] == REMAINING
    assert rig.events() == []
    assert rig.notes() == {}


def test_a_stranger_with_the_pid_of_one_that_is_gone_is_left_alone(rig: GuardRig) -> None:
    """Between the reading and the freeze the pid was given away."""
    root, stranger = rig.hold(TOOL, 1), rig.hold(TOOL, 1)
    part = rig.part(root)
    part.processes.append(ProcessReading(stranger.pid, root.pid, stranger.start_ticks - 5, 900 * MB))
    outcome, action = rig.end(Excess(part, 1, "the test's limit", 1))
    assert (outcome, action.held) == (ENDED, [root])
    assert not gone(stranger)
    assert not is_stopped(stranger.pid)


def test_a_child_that_began_since_the_reading_is_ended_too(rig: GuardRig) -> None:
    code = (
        "import os, sys, time\nprint('ready', flush=True)\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "if not os.fork(): os.setsid()\nprint(os.getpid(), flush=True)\ntime.sleep(120)\n"
    )
    root = rig.python(TOOL, code, rig.folder / "go")
    excess = rig.excess(root)
    (rig.folder / "go").touch()
    wait_until(lambda: len(rig.said()) == 3, "the child")
    children = [int(word) for word in rig.said()[1:]]
    outcome, action = rig.end(excess)
    assert outcome == ENDED
    assert {who.pid for who in action.held} == set(children)
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}/exe")]


def test_an_orphan_of_its_process_session_is_ended_too(rig: GuardRig) -> None:
    """Its parent began since the reading, and is gone again: no list of children leads to it."""
    code = (
        "import os, sys, time\nprint('ready', flush=True)\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "middle = os.fork()\nif not middle:\n    middle = os.getpid()\n    if os.fork(): os._exit(0)\n"
        "    while os.getppid() == middle: time.sleep(0.01)\n"
        "    print(os.getpid(), flush=True)\n    time.sleep(120)\nos.waitpid(middle, 0)\ntime.sleep(120)\n"
    )
    root = rig.python(TOOL, code, rig.folder / "go")
    excess = rig.excess(root)
    (rig.folder / "go").touch()
    wait_until(lambda: len(rig.said()) == 2, "the orphan")
    orphan = int(rig.said()[1])
    outcome, action = rig.end(excess)
    assert (outcome, {who.pid for who in action.held}) == (ENDED, {root.pid, orphan})
    assert all(gone(who) for who in action.held)


def test_on_a_host_that_is_short_the_grace_is_short(rig: GuardRig) -> None:
    root = rig.hold(TOOL, 1)
    action = part_action.PartAction(rig.session, rig.excess(root))
    usual_s = action._grace_s()
    rig.session.shortage.is_short = True
    assert action._grace_s() < usual_s
    rig.session.shortage.is_short = False
    rig.session.subject.state = "EMERGENCY"
    assert action._grace_s() < usual_s


def test_without_a_session_nothing_is_captured(rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_action, "capture", pytest.fail)
    root = rig.hold(TOOL, 1)
    assert rig.end(rig.excess(root))[1].snapshot == ""


def test_it_is_ended_only_where_what_it_holds_justifies_it(rig: GuardRig) -> None:
    root = rig.hold(TOOL, 20)
    held_bytes = rig.part(root).footprint_bytes
    assert rig.end(rig.excess(root, 2 * held_bytes))[0] == THAWED
    assert rig.end(rig.excess(root, 20 * MB))[0] == ENDED
