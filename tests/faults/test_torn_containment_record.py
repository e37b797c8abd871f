"""A `containment` record that is torn, or leads elsewhere: a watchdog chooses anew, and never ends another's group."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from memguard.core.layout import write_pairs
from memguard.host.containment.base import CGROUP_V1, CGROUP_V2, SYSTEMD_SCOPE
from memguard.host.containment.choice import left_in, record, reopened, take_up
from memguard.host.containment.control_group import ControlGroup
from memguard.host.identity import identify
from tests.sandbox import Sandbox, wait_until
from tests.unit.host.containment.places import Tree, needs_v1, needs_v2

HOLD = ("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")


@pytest.fixture
def guard(tmp_path: Path) -> Path:
    folder = tmp_path / f"torn{os.getpid()}"
    folder.mkdir()
    write_pairs(str(folder / "guard"), {"subreaper": 1})
    return folder


@pytest.mark.parametrize("mechanism", [CGROUP_V1, CGROUP_V2, SYSTEMD_SCOPE, "of a later memguard", ""])
@pytest.mark.parametrize("lost", ["unit", "mount", "memory", "group", "mechanism"])
def test_a_record_that_lacks_a_pair_is_chosen_anew(tmp_path: Path, guard: Path, mechanism: str, lost: str) -> None:
    """FIXTURE."""
    tree, me = Tree(tmp_path, guard.name), identify(os.getpid())
    pairs = {
        "mechanism": mechanism, "unit": f"memguard-{guard.name}.scope", "mount": str(tree.root),
        "memory": str(tree.folder), "group": str(tree.folder),
    }  # fmt: skip
    write_pairs(str(guard / "containment"), {name: value for name, value in pairs.items() if name != lost})
    left_in(str(guard))
    reopened(str(guard), me)
    found = take_up(str(guard), "auto", me, str(tree.proc), str(tree.root))
    assert found.name


@needs_v1
@needs_v2
def test_a_record_that_is_cut_anywhere_opens_no_group_of_others(guard: Path) -> None:
    """A path that was cut is the group above, with everybody in it."""
    me = identify(os.getpid())
    made = take_up(str(guard), "auto", me)
    try:
        record(str(guard), made)
        whole = (guard / "containment").read_bytes()
        own = {str(made.to_pairs()["memory"]), str(made.to_pairs()["group"])}
        for length in range(len(whole)):
            (guard / "containment").write_bytes(whole[:length])
            found = reopened(str(guard), me)
            assert not isinstance(found, ControlGroup) or found.held.folder in own, length
    finally:
        assert made.remove()


@pytest.mark.parametrize("data", [b"mechanism=systemd-scope\ngroup=", b"mechanism=cgroup-v1\n", b"\xff\0\n=", b""])
def test_the_watchdog_that_follows_a_killed_one_watches_all_the_same(opted_in: Sandbox, data: bytes) -> None:
    opted_in.start(*HOLD)
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    first, (guard,) = wait_until(opted_in.watchdog_pid, "a watchdog"), opted_in.guards()
    whole = (guard / "containment").read_bytes()
    group = dict(line.split("=", 1) for line in whole.decode().splitlines()).get("group", "")
    torn = data + group.encode() + b"\n" if data.endswith(b"group=") else data
    (guard / "containment").write_bytes(torn)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: opted_in.watchdog_pid() not in (0, first), "another watchdog")
    wait_until(lambda: len(opted_in.events("monitoring_started")) == 2, "it watches")
    wait_until(lambda: (guard / "containment").read_bytes() == whole, "the same was chosen")
    assert not [line for line in opted_in.log() if "died" in line]
