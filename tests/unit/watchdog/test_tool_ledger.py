"""What is kept of each running tool call: on record while it runs, its growth in the spool when it is over."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

from memguard.core.part import HOOK, MCP, TOOL
from memguard.core.tool_record import tools_of
from tests.guard_rig import MB, GuardRig
from tests.sandbox import wait_until
from tests.unit.host.workshop import gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.core.identity import ProcessId

# Holds 40 MB from when the first file is there until the second is.
GROWER = """
import os, sys, time
def wait_for(path):
    while not os.path.exists(path): time.sleep(0.01)
print("ready", flush=True)
wait_for(sys.argv[1])
held = b"x" * (40 << 20)
print("grown", flush=True)
wait_for(sys.argv[2])
del held
print("shrunk", flush=True)
time.sleep(120)
"""


def spool(rig: GuardRig, session: str = "unknown") -> list[dict[str, Any]]:
    path = rig.project / "spool" / f"{session}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def end(rig: GuardRig, who: ProcessId) -> None:
    os.kill(who.pid, signal.SIGKILL)
    wait_until(lambda: gone(who) and not os.path.exists(f"/proc/{who.pid}"), "its end")
    rig.look()


def test_a_tool_is_on_record_while_it_runs(rig: GuardRig) -> None:
    rig.begin_call("toolu_1")
    root = rig.hold(TOOL, 1)
    rig.look()
    (record,) = tools_of(str(rig.guard))
    assert (record.who, record.call, record.tool, record.session) == (root, "toolu_1", "Bash", "")
    end(rig, root)
    assert tools_of(str(rig.guard)) == []


def test_nothing_but_tools_is(rig: GuardRig) -> None:
    rig.hold(HOOK, 1)
    rig.hold(MCP, 1)
    rig.look()
    assert tools_of(str(rig.guard)) == []


def test_the_kernel_is_told_to_spare_the_session(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig(tool_oom_score_adj=345)
    root = rig.hold(TOOL, 1)
    client = rig.session.subject.client.pid
    before = _adjustment(client)
    rig.look()
    assert _adjustment(root.pid) == max(345, before)
    assert _adjustment(client) == before


def _adjustment(pid: int) -> int:
    with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
        return int(file.read())


def test_what_a_tool_held_at_most_is_in_the_spool_when_it_is_over(rig: GuardRig) -> None:
    (rig.project / "spool").mkdir()
    rig.begin_call("toolu_1")
    root = rig.python(TOOL, GROWER, rig.folder / "grow", rig.folder / "shrink")
    rig.look()
    for number, step in enumerate(("grow", "shrink"), start=2):
        (rig.folder / step).touch()
        wait_until(lambda lines=number: len(rig.said()) == lines, step)  # type: ignore[misc]
        rig.look()
    assert rig.part(root).footprint_bytes < 40 * MB
    assert spool(rig) == []
    end(rig, root)
    (line,) = spool(rig)
    assert (line["event"], line["tool"], line["tool_use_id"]) == ("ToolEnd", "Bash", "toolu_1")
    assert 40 * MB <= line["peak_bytes"] <= 80 * MB
    assert line["client_pid"] == rig.session.subject.client.pid
    assert abs(line["client_growth_bytes"]) < 20 * MB
    assert line["seconds"] > 0


def test_the_spool_is_that_of_the_session(rig: GuardRig) -> None:
    (rig.project / "spool").mkdir()
    rig.session.activity.session_id = "s1"
    root = rig.hold(TOOL, 1)
    rig.look()
    assert tools_of(str(rig.guard))[0].session == "s1"
    end(rig, root)
    assert [line["session"] for line in spool(rig, "s1")] == ["s1"]


def test_each_tool_is_told_of_once(rig: GuardRig) -> None:
    (rig.project / "spool").mkdir()
    roots = [rig.hold(TOOL, 1) for _ in range(3)]
    for _ in range(3):
        rig.look()
    for root in roots:
        end(rig, root)
        rig.look()
    assert len(spool(rig)) == 3


def test_a_tool_that_its_client_has_left_behind_stays_on_record(rig: GuardRig) -> None:
    """It is what the next session, or the sweep, knows it by; its growth is told of now."""
    (rig.project / "spool").mkdir()
    left, over = rig.hold(TOOL, 1), rig.hold(TOOL, 1)
    rig.look()
    os.kill(over.pid, signal.SIGKILL)
    wait_until(lambda: gone(over), "its end")
    rig.session.parts.now = []
    rig.session.ledger.update()
    assert len(spool(rig)) == 2
    assert [record.who for record in tools_of(str(rig.guard))] == [left]


def test_a_call_that_is_told_of_late_is_on_the_tools_last_line(rig: GuardRig) -> None:
    (rig.project / "spool").mkdir()
    root = rig.hold(TOOL, 1)
    rig.look()
    rig.begin_call("toolu_1")
    rig.look()
    end(rig, root)
    assert spool(rig)[0]["tool_use_id"] == "toolu_1"


def test_what_can_not_be_written_costs_a_line_in_the_log(rig: GuardRig) -> None:
    (rig.guard / "tools").write_text("")
    (rig.project / "spool").write_text("")
    root = rig.hold(TOOL, 1)
    rig.look()
    end(rig, root)
    assert "tool not on record" in rig.log()
    assert "growth of a tool not written" in rig.log()


def test_a_link_in_place_of_the_spool_is_not_followed(rig: GuardRig) -> None:
    (rig.project / "spool").mkdir()
    precious = rig.folder / "precious"
    precious.write_text("as it was")
    (rig.project / "spool" / "unknown.jsonl").symlink_to(precious)
    root = rig.hold(TOOL, 1)
    rig.look()
    end(rig, root)
    assert precious.read_text() == "as it was"
