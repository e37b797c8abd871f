"""What v1 and v2 have in common, on a group on disk."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from memguard.host.containment.control_group import ControlGroup
from memguard.host.containment.group import Group
from memguard.host.containment.spared_trees import SparedTrees
from tests.sandbox import wait_until
from tests.unit.host.workshop import Workshop, gone

NOBODY = 999_999_999
# Starts a child, which starts another and ends when it is told to; both say who they are.
PARENTS = """
import os, sys, time
print("ready", flush=True)
if os.fork() == 0:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(600)
    sys.stdin.readline()
    os._exit(0)
os.wait()
print("over", flush=True)
time.sleep(600)
"""


def test_what_is_gone_before_it_can_be_told_apart_is_waited_for_and_not_spun_on(tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").write_text(f"{NOBODY}\n")
    containment = ControlGroup(Group(str(tmp_path)), 0, "/proc")
    begun_s, begun_cpu_s = time.monotonic(), time.process_time()
    assert containment.end_all(time_s=1.0) == [NOBODY]
    assert time.monotonic() - begun_s >= 1.0
    assert time.process_time() - begun_cpu_s < 0.5


def test_the_tree_of_a_launcher_or_client_is_not_spared_with_it(tmp_path: Path, workshop: Workshop) -> None:
    """What has lost its parent is the launcher's child, wherever it came from."""
    launcher = workshop.start(PARENTS)
    workshop.line(launcher)
    child = workshop.adopt(int(workshop.line(launcher)))
    (tmp_path / "cgroup.procs").write_text(f"{launcher.pid}\n{child.pid}\n")
    containment = ControlGroup(Group(str(tmp_path)), launcher.pid, "/proc")
    containment.end_all([launcher.pid], time_s=0.5)
    wait_until(lambda: gone(child), "its end")
    assert launcher.poll() is None


def test_what_a_spared_process_started_stays_when_its_parent_ends(workshop: Workshop) -> None:
    process = workshop.start(PARENTS)
    workshop.line(process)
    orphan = workshop.adopt(int(workshop.line(process)))
    trees = SparedTrees([process.pid])
    assert {process.pid, orphan.pid} < trees.pids()
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert workshop.line(process) == "over"
    assert trees.pids() == {process.pid, orphan.pid}


def test_a_pid_that_was_given_away_is_not_spared() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        trees = SparedTrees([process.pid])
        trees._known[process.pid] -= 1
        assert trees.pids() == frozenset()
        process.kill()


def test_nobody_spared_costs_no_scan() -> None:
    assert SparedTrees([]).pids() == frozenset()
    assert SparedTrees([NOBODY]).pids() == frozenset()
