"""Who has left the tree: acted on a `/proc` on disk, and for real daemons in tests/faults."""

import os
from pathlib import Path

import pytest

from memguard.host import linux
from memguard.test_run.own_mark import OwnMark
from memguard.test_run.strays import Strays
from memguard.testing.fake_host import FakeHost

RUN = 10
START = 1000


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    host = FakeHost(str(tmp_path / "proc"))
    host.add(RUN, 1, start_ticks=START)
    return host


def strays_of(host: FakeHost) -> Strays:
    strays = Strays(RUN, OwnMark(RUN, host.root), host.root)
    strays._next_s = 0.0
    return strays


def pids(strays: Strays, host: FakeHost, *, is_thorough: bool = False) -> list[int]:
    strays._next_s = 0.0  # however lately it looked
    return sorted(process[0] for process in strays.beyond(linux.walk(RUN, host.root), is_thorough))


def marked(strays: Strays, pid: int, ticks: int = START) -> dict[str, str]:
    variable = strays._mark._variable.split("_")  # whose last part is a number of its own
    variable[-3:-1] = str(pid), str(ticks)
    return {"_".join(variable): "1"}


def test_who_was_seen_in_the_tree_is_followed_with_what_it_starts(host: FakeHost) -> None:
    host.add(20, RUN, start_ticks=2000)
    strays = strays_of(host)
    assert pids(strays, host) == []
    host.add(20, 1, start_ticks=2000)
    host.add(30, 20, start_ticks=3000)
    assert pids(strays, host) == [20, 30]
    assert len(strays) == 1


def test_who_ended_is_forgotten_and_its_pid_is_a_strangers(host: FakeHost) -> None:
    host.add(20, RUN, start_ticks=2000)
    strays = strays_of(host)
    assert pids(strays, host) == []
    host.add(20, 1, start_ticks=9999)
    assert pids(strays, host) == []
    assert len(strays) == 0


def test_one_that_ended_and_that_nobody_reaps_is_forgotten(host: FakeHost) -> None:
    host.add(20, RUN, start_ticks=2000)
    strays = strays_of(host)
    assert pids(strays, host) == []
    host.add(20, 1, start_ticks=2000, state="Z", has_memory=False)
    assert pids(strays, host, is_thorough=True) == []
    assert len(strays) == 0


def test_who_was_never_seen_is_told_by_its_mark(host: FakeHost) -> None:
    strays = strays_of(host)
    host.add(40, 1, start_ticks=2000, variables=marked(strays, RUN))
    host.add(50, 1, start_ticks=2000, variables={"PATH": "/usr/bin"})
    host.add(60, 1, start_ticks=2000, variables=marked(strays, RUN, 7))
    assert pids(strays, host, is_thorough=True) == [40]
    assert pids(strays, host) == [40]


def test_who_was_there_at_the_beginning_is_a_stranger(host: FakeHost) -> None:
    mark = OwnMark(RUN, host.root)
    host.add(40, 1, start_ticks=2000, variables={mark._variable: "1"})
    assert mark.is_on(40)
    assert Strays(RUN, mark, host.root).beyond(linux.walk(RUN, host.root), is_thorough=True) == []


def test_nobody_is_looked_for_where_nobody_was_started(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    strays, listed = strays_of(host), list[str]()
    alone = linux.walk(RUN, host.root)
    host.add(20, RUN)
    with_child = linux.walk(RUN, host.root)

    def nobody(proc: str) -> list[int]:
        listed.append(proc)
        return []

    monkeypatch.setattr(linux, "all_pids", nobody)
    assert strays.beyond(alone) == []
    assert listed == []
    assert strays.beyond(with_child) == []
    assert listed == [host.root]


def test_a_child_that_came_and_went_is_a_reason_to_look(host: FakeHost) -> None:
    strays = strays_of(host)
    assert not strays.were_started()
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    assert strays.were_started()
    assert pids(strays, host) == []
    assert not strays.were_started()


def test_looking_is_not_repeated_at_once(host: FakeHost) -> None:
    strays = strays_of(host)
    host.add(20, RUN)
    tree = linux.walk(RUN, host.root)
    strays.beyond(tree)
    host.add(40, 1, start_ticks=2000, variables=marked(strays, RUN))
    assert strays.beyond(tree) == []
    assert [process[0] for process in strays.beyond(tree, is_thorough=True)] == [40]


def test_one_that_is_both_a_stray_and_below_one_counts_once(host: FakeHost) -> None:
    host.add(20, RUN, start_ticks=2000)
    host.add(30, 20, start_ticks=3000)
    strays = strays_of(host)
    assert pids(strays, host) == []
    host.add(20, 1, start_ticks=2000)
    assert pids(strays, host) == [20, 30]
    assert pids(strays, host) == [20, 30]
