"""A session's processes: in the client's tree, beyond it, and not those of other guarded clients."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memguard.core.part import MCP, TOOL
from memguard.host.linux import read_tree
from memguard.watchdog.session_tree import read_session
from tests.guard_rig import HOLD, GuardRig

if TYPE_CHECKING:
    from memguard.core.identity import ProcessId
    from memguard.core.reading import TreeReading

# A shell of a kind: starts a program, says its pid, and waits.
PARENT = """
import os, sys, time
pid = os.fork()
if not pid: time.sleep(120)
print(pid, flush=True)
time.sleep(120)
"""


class Known:
    """A double of what knows who has left the tree: the containment's word needs a launcher or a control group."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self.asked: list[tuple[set[int], int]] = []

    def pids(self, in_tree: set[int], own_terminal: int) -> list[int]:
        self.asked.append((set(in_tree), own_terminal))
        return list(self._pids)


def read(rig: GuardRig, *beyond: int, others: frozenset[int] = frozenset()) -> TreeReading:
    return read_session(rig.session.subject.client.pid, Known(*beyond), others)  # type: ignore[arg-type]


def pids(tree: TreeReading) -> list[int]:
    return [process.pid for process in tree.processes]


@pytest.fixture
def outside(rig: GuardRig) -> ProcessId:
    """A process with a child, neither of them in the client's tree: this test's own."""
    from tests.unit.host.workshop import Workshop

    shop = Workshop()
    process = shop.start(PARENT)
    shop.adopt(int(shop.line(process)))
    rig.closers.append(shop.close)
    return shop.adopt(process.pid)


def test_the_client_comes_first_and_all_that_descends_from_it(rig: GuardRig) -> None:
    tool = rig.python(TOOL, PARENT)
    child = int(rig.said()[0])
    assert pids(read(rig)) == [rig.session.subject.client.pid, tool.pid, child]


def test_who_has_left_the_tree_counts_with_what_it_started(rig: GuardRig, outside: ProcessId) -> None:
    tree = read(rig, outside.pid)
    assert len(tree.processes) == 3
    assert tree.processes[0].pid == rig.session.subject.client.pid
    alone = read_tree(outside.pid)
    assert pids(tree)[1:] == pids(alone)
    assert tree.footprint_bytes > alone.footprint_bytes > 0


def test_nobody_counts_twice(rig: GuardRig, outside: ProcessId) -> None:
    tool = rig.hold(TOOL, 1)
    client = rig.session.subject.client.pid
    inner = pids(read_tree(outside.pid))[1]
    tree = read(rig, tool.pid, outside.pid, inner, outside.pid, client)
    assert sorted(pids(tree)) == sorted({client, tool.pid, outside.pid, inner})
    tree = read(rig, inner, outside.pid)
    assert sorted(pids(tree)) == sorted({client, tool.pid, outside.pid, inner})


def test_who_is_asked_is_told_who_is_in_the_tree_already(rig: GuardRig) -> None:
    tool, known = rig.hold(TOOL, 1), Known()
    client = rig.session.subject.client.pid
    read_session(client, known, (), 34816)  # type: ignore[arg-type]
    assert known.asked == [({client, tool.pid}, 34816)]


def test_one_that_is_gone_by_now_costs_nothing(rig: GuardRig) -> None:
    assert pids(read(rig, 2**22 - 1)) == [rig.session.subject.client.pid]


def test_another_guarded_client_and_what_it_started_is_not_ours(rig: GuardRig) -> None:
    tool = rig.python(TOOL, PARENT)
    nested = int(rig.said()[0])
    server = rig.hold(MCP, 1)
    client = rig.session.subject.client.pid
    assert pids(read(rig, others=frozenset({nested}))) == [client, tool.pid, server.pid]
    assert pids(read(rig, others=frozenset({tool.pid}))) == [client, server.pid]


def test_another_guarded_client_that_has_left_the_tree_is_not_ours_either(rig: GuardRig, outside: ProcessId) -> None:
    assert pids(read(rig, outside.pid, others=frozenset({outside.pid}))) == [rig.session.subject.client.pid]


def test_the_client_itself_is_never_another_one(rig: GuardRig) -> None:
    client, tool = rig.session.subject.client.pid, rig.hold(TOOL, 1)
    assert pids(read(rig, others=frozenset({client}))) == [client, tool.pid]


def test_a_client_that_is_gone_has_no_tree_whatever_it_left(outside: ProcessId) -> None:
    assert pids(read_session(2**22 - 1, Known(outside.pid), ())) == []  # type: ignore[arg-type]
    assert os.path.exists(f"/proc/{outside.pid}")


def test_without_a_word_of_who_has_left_the_tree_it_is_the_tree(rig: GuardRig) -> None:
    tool = rig.python(TOOL, HOLD, 1)
    assert pids(read_session(rig.session.subject.client.pid, None, ())) == [rig.session.subject.client.pid, tool.pid]
