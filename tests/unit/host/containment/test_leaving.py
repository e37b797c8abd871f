"""memguard's own workers, started by a hook inside a session's group, go their own way."""

from __future__ import annotations

import os
from pathlib import Path

from memguard.host.containment.cgroup_v2 import make
from memguard.host.containment.leaving import leave_group
from tests.sandbox import ROOT
from tests.unit.host.workshop import Workshop

from .places import GUARD, group_of, needs_v1, needs_v2, v1_group

LEAVES = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from memguard.host.containment.leaving import leave_group
print("ready", flush=True)
sys.stdin.readline()
print(leave_group(), flush=True)
time.sleep(600)
"""


def _left(shop: Workshop, process: object) -> str:
    process.stdin.write("\n")  # type: ignore[attr-defined]
    process.stdin.flush()  # type: ignore[attr-defined]
    return shop.line(process)  # type: ignore[arg-type]


@needs_v1
def test_out_of_v1_and_of_the_group_beside_it(workshop: Workshop) -> None:
    process = workshop.start(LEAVES)
    workshop.line(process)
    with v1_group() as containment:
        containment.place(workshop.adopt(process.pid))
        assert _left(workshop, process) == "True"
        assert containment.held.pids() == []
        assert group_of(process.pid, "memory") == group_of(os.getpid(), "memory")
        assert group_of(process.pid, "") == group_of(os.getpid(), "")


@needs_v2
def test_in_v2_to_the_leaf_of_our_own_since_a_group_above_may_hold_no_processes(workshop: Workshop) -> None:
    process = workshop.start(LEAVES)
    workshop.line(process)
    containment = make(GUARD, 0, "/proc", "/sys/fs/cgroup", with_memory=False)
    try:
        containment.place(workshop.adopt(process.pid))
        assert _left(workshop, process) == "True"
        assert containment.roots() == []
        assert group_of(process.pid, "").endswith(f"/memguard-{GUARD}/own")
        assert containment.remove()
        assert group_of(process.pid, "") == group_of(os.getpid(), "")
    finally:
        containment.remove()


def test_outside_of_a_session_there_is_nothing_to_leave() -> None:
    before = Path("/proc/self/cgroup").read_text()
    assert leave_group()
    assert Path("/proc/self/cgroup").read_text() == before


def test_a_group_that_lets_nobody_out_is_said(tmp_path: Path) -> None:
    """FIXTURE: the folder above has no file to write to."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("4:memory:/a/memguard-aa\n")
    (tmp_path / "cgroup" / "memory" / "a" / "memguard-aa").mkdir(parents=True)
    assert not leave_group(str(tmp_path / "proc"), str(tmp_path / "cgroup"))
