"""Which mechanism it is, why no better one, and that another watchdog finds the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.layout import read_pairs, write_pairs
from memguard.host.containment.base import CGROUP_V1, CGROUP_V2, PROCESS_TREE, SUBREAPER, Containment
from memguard.host.containment.choice import left_in, record, release, reopened, take_up
from memguard.host.identity import identify
from tests.unit.host.workshop import Workshop, gone

from .places import Tree, needs_v1

SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def me() -> ProcessId:
    who = identify(os.getpid())
    assert who is not None
    return who


@pytest.fixture
def guard(tmp_path: Path) -> Path:
    folder = tmp_path / f"aa{os.getpid()}"
    folder.mkdir()
    write_pairs(str(folder / "guard"), {"subreaper": 1})
    return folder


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """A host without control groups."""
    return {"proc": str(tmp_path / "proc"), "cgroup_root": str(tmp_path / "cgroup")}


def test_a_host_without_groups_leaves_the_subreaper_and_says_why(
    guard: Path, me: ProcessId, nowhere: dict[str, str]
) -> None:
    found = take_up(str(guard), "auto", me, **nowhere)
    assert found.mechanism == SUBREAPER
    assert "v1" in found.why
    assert "v2" in found.why
    written = read_pairs(str(guard / "containment"))
    assert (written["mechanism"], written["name"], written["why"]) == (SUBREAPER, found.name, found.why)


def test_a_launcher_that_is_no_subreaper_leaves_the_tree(guard: Path, me: ProcessId, nowhere: dict[str, str]) -> None:
    write_pairs(str(guard / "guard"), {"subreaper": 0})
    assert take_up(str(guard), "auto", me, **nowhere).mechanism == PROCESS_TREE


def test_without_a_launcher_the_client_stays_where_it_is(guard: Path) -> None:
    assert take_up(str(guard), "auto", None).mechanism == PROCESS_TREE


def test_the_person_may_want_no_group(guard: Path, me: ProcessId) -> None:
    assert take_up(str(guard), "process-tree", me).mechanism == SUBREAPER


def test_v2_with_memory_control_comes_first(tmp_path: Path, guard: Path, me: ProcessId) -> None:
    """FIXTURE."""
    tree = Tree(tmp_path, guard.name)
    found = take_up(str(guard), "auto", me, str(tree.proc), str(tree.root))
    assert found.mechanism == CGROUP_V2
    assert found.name == "control group (v2, memory events)"
    assert found.why == ""


def test_a_mark_that_a_dead_watchdog_left_is_lifted_and_a_living_ones_is_not(
    tmp_path: Path, guard: Path, me: ProcessId
) -> None:
    """FIXTURE. The session holds more than any limit: nobody would ever raise the mark that slows it down."""
    tree = Tree(tmp_path, guard.name)
    where = str(tree.proc), str(tree.root)
    assert take_up(str(guard), "auto", me, *where).arm(4096)
    (tree.folder / "session" / "memory.current").write_text("5000\n")
    assert reopened(str(guard), me).mechanism == CGROUP_V2
    assert left_in(str(guard)) == []
    assert tree.read("memory.high") == "4096", "who only looks changes nothing"
    second = take_up(str(guard), "auto", me, *where)
    assert tree.read("memory.high") == "max"
    assert not second.arm(4096)
    assert tree.read("memory.high") == "max"


@needs_v1
def test_another_watchdog_opens_what_the_first_one_made(guard: Path, me: ProcessId, workshop: Workshop) -> None:
    first = take_up(str(guard), "auto", me)
    try:
        assert first.mechanism == CGROUP_V1
        who = workshop.ready(SLEEPS)
        assert first.place(who)
        record(str(guard), first)
        second = take_up(str(guard), "auto", me)
        assert second.to_pairs() == first.to_pairs()
        assert who.pid in second.roots()
        assert second.end_all() == []
        assert gone(who)
    finally:
        first.end_all()
        assert first.remove()


@needs_v1
def test_a_group_that_is_gone_is_made_again(guard: Path, me: ProcessId) -> None:
    first = take_up(str(guard), "auto", me)
    assert first.remove()
    second = take_up(str(guard), "auto", me)
    try:
        assert os.path.isdir(str(second.to_pairs()["memory"]))
    finally:
        assert second.remove()


def test_a_record_that_names_a_folder_of_others_is_not_believed(guard: Path, me: ProcessId) -> None:
    """Whatever it says: only a group that is named after this guard is ever ended."""
    write_pairs(str(guard / "containment"), {"mechanism": CGROUP_V1, "memory": "/sys/fs/cgroup/memory", "group": ""})
    assert left_in(str(guard)) == []
    found = take_up(str(guard), "process-tree", me)
    assert found.mechanism == SUBREAPER


@needs_v1
def test_the_group_of_a_dead_guard_is_removed_and_who_was_in_it_lives(
    guard: Path, me: ProcessId, workshop: Workshop
) -> None:
    made = take_up(str(guard), "auto", me)
    who = workshop.ready(SLEEPS)
    made.place(who)
    assert left_in(str(guard)) == [who.pid]
    release(str(guard))
    assert not os.path.exists(str(made.to_pairs()["memory"]))
    assert not gone(who)


@needs_v1
def test_an_old_empty_group_beside_a_new_one_is_removed_and_a_young_one_stays(guard: Path, me: ProcessId) -> None:
    made = take_up(str(guard), "auto", me)
    above = os.path.dirname(str(made.to_pairs()["memory"]))
    old, young = f"{above}/memguard-old{os.getpid()}", f"{above}/memguard-young{os.getpid()}"
    for folder in (old, young):
        os.mkdir(folder)
    os.utime(old, (1, 1))
    made.remove()
    os.unlink(guard / "containment")
    again = take_up(str(guard), "auto", me)
    again.remove()
    assert not os.path.exists(old)
    assert os.path.exists(young)
    os.rmdir(young)


def test_the_tree_alone_promises_nothing() -> None:
    tree = Containment()
    assert (tree.roots(), tree.descriptor(), tree.arm(1), tree.end_all()) == ([], -1, False, [])
