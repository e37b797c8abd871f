"""A v2 group: its memory part on a tree on disk (FIXTURE), the rest by the kernel."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.host.containment import control_group
from memguard.host.containment.cgroup_v2 import CgroupV2, make
from memguard.host.identity import identify
from memguard.host.signals import send
from tests.unit.host.workshop import Workshop, gone

from .places import GUARD, Tree, group_of, needs_v2

SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
# As a person's shell: runs one short command after the other, and says how each has ended.
TYPES = """
import subprocess
print("ready", flush=True)
while True:
    print(subprocess.call(["sleep", "0.05"]), flush=True)
"""
MIB = 1024 * 1024


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path, "aa")


def _made(tree: Tree) -> CgroupV2:
    return make("aa", 0, str(tree.proc), str(tree.root), with_memory=True)


def test_a_mark_is_set_where_it_is_wanted_raised_and_lifted(tree: Tree) -> None:
    """FIXTURE."""
    containment = _made(tree)
    assert containment.name == "control group (v2, memory events)"
    assert containment.poll_event == select.POLLPRI
    assert containment.arm(40 * MIB)
    assert containment.descriptor() >= 0
    assert tree.read("memory.high") == str(40 * MIB)
    (tree.folder / "session" / "memory.current").write_text(f"{50 * MIB}\n")
    assert containment.raise_trip_wire(40 * MIB)
    assert int(tree.read("memory.high")) > 50 * MIB
    containment.disarm()
    assert tree.read("memory.high") == "max"
    assert containment.descriptor() == -1


def test_below_what_is_used_no_mark_is_set_since_it_would_stop_everybody_at_once(tree: Tree) -> None:
    """FIXTURE."""
    (tree.folder / "session" / "memory.current").write_text(f"{50 * MIB}\n")
    containment = _made(tree)
    assert not containment.arm(40 * MIB)
    assert tree.read("memory.high") == "max\n"


def test_nothing_but_the_mark_is_written(tree: Tree) -> None:
    """FIXTURE. A limit would be the person's to ask for."""
    (tree.folder / "session" / "memory.max").write_text("max\n")
    containment = _made(tree)
    me = identify(os.getpid())
    assert me is not None
    containment.place(me)
    containment.arm(40 * MIB)
    containment.raise_trip_wire(60 * MIB)
    assert tree.read("memory.max") == "max\n"
    assert tree.read("cgroup.procs") == str(os.getpid())
    assert containment.roots() == [], "neither the client nor this process"


def test_the_events_of_a_group_that_is_gone_are_polled_no_more(tree: Tree) -> None:
    """FIXTURE: the kernel says ENODEV for a file of a removed group; here the descriptor is made a folder's."""
    containment = _made(tree)
    containment.arm(40 * MIB)
    folder = os.open(tree.root, os.O_RDONLY)
    os.dup2(folder, containment.descriptor())
    os.close(folder)
    containment.acknowledge()
    assert containment.descriptor() == -1


def test_without_memory_control_to_give_there_is_no_group_with_it(tree: Tree) -> None:
    """FIXTURE."""
    (tree.own / "cgroup.subtree_control").write_text("cpu\n")
    with pytest.raises(PermissionError, match="memory control"):
        _made(tree)


def test_a_group_above_is_used_only_where_it_was_left_to_us(tree: Tree) -> None:
    """FIXTURE. A service manager's own slice is not for others to make groups in."""
    (tree.own / "cgroup.subtree_control").write_text("\n")
    above = tree.own.parent
    tree.group(above)
    with pytest.raises(PermissionError):
        _made(tree)


@needs_v2
class TestByTheKernel:
    """Membership, freezing and killing."""

    @pytest.fixture
    def containment(self) -> Iterator[CgroupV2]:
        made = make(GUARD, 0, "/proc", "/sys/fs/cgroup", with_memory=False)
        yield made
        made.end_all()
        assert made.remove()
        assert not os.path.exists(made.above.folder)

    def test_all_of_it_is_ended_at_once(self, containment: CgroupV2, workshop: Workshop) -> None:
        everybody = [workshop.ready(SLEEPS) for _ in range(5)]
        assert all(containment.place(who) for who in everybody)
        assert containment.end_all() == []
        assert all(gone(who) for who in everybody)

    def test_one_that_is_spared_goes_on_where_all_others_end(self, containment: CgroupV2, workshop: Workshop) -> None:
        spared, other = workshop.ready(SLEEPS), workshop.ready(SLEEPS)
        containment.place(other)
        containment.place(spared)
        assert containment.end_all([spared.pid]) == []
        assert gone(other)
        assert not gone(spared)

    def test_a_shell_that_is_spared_loses_no_command_and_never_stands_still(
        self, containment: CgroupV2, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its commands are started meanwhile: nobody could have named them before."""
        shell, stubborn, other = workshop.start(TYPES), workshop.ready(SLEEPS), workshop.ready(SLEEPS)
        for who in (workshop.adopt(shell.pid), stubborn, other):
            containment.place(who)
        workshop.line(shell)
        monkeypatch.setattr(control_group, "send", lambda who, number: who == stubborn or send(who, number))
        assert stubborn.pid in containment.end_all([shell.pid], time_s=1.5)
        monkeypatch.undo()
        assert gone(other)
        begun_s = time.monotonic()
        assert {workshop.line(shell) for _ in range(10)} == {"0"}
        assert time.monotonic() - begun_s < 0.3, "it has done them while the others were ended"

    def test_a_group_that_a_tool_makes_in_it_counts_as_well(self, containment: CgroupV2, workshop: Workshop) -> None:
        below = workshop.ready(SLEEPS)
        folder = f"{containment.held.folder}/of-a-tool"
        os.mkdir(folder)
        Path(folder, "cgroup.procs").write_text(str(below.pid))
        assert containment.roots() == [below.pid]
        assert containment.end_all() == []
        assert gone(below)

    def test_it_is_found_by_the_kernels_name(self, containment: CgroupV2, workshop: Workshop) -> None:
        who = workshop.ready(SLEEPS)
        containment.place(who)
        assert group_of(who.pid, "").endswith(f"/memguard-{GUARD}/session")
