"""Every mechanism that is chosen counts and ends all seven kinds of descendants, also once the leader was killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from memguard.core.identity import ProcessId
from memguard.host.containment.base import Containment
from memguard.host.containment.cgroup_v2 import make as make_v2
from memguard.host.current import scan
from memguard.host.identity import identify, is_alive
from memguard.host.sweep import end_all
from memguard.host.table import with_descendants
from tests.sandbox import wait_until
from tests.seven_kinds import KINDS, Family

from .places import GUARD, needs_v1, needs_v2, v1_group

Maker = Callable[[ExitStack, int], Containment]


def _v1(stack: ExitStack, _above: int) -> Containment:
    return stack.enter_context(v1_group())


def _v1_alone(stack: ExitStack, _above: int) -> Containment:
    return stack.enter_context(v1_group(is_alone=True))


def _v2(stack: ExitStack, _above: int) -> Containment:
    made = make_v2(GUARD, 0, "/proc", "/sys/fs/cgroup", with_memory=False)
    stack.callback(made.remove)
    stack.callback(made.end_all)
    return made


def _subreaper(_stack: ExitStack, above: int) -> Containment:
    return Containment(above)


MECHANISMS = [
    pytest.param(_v1, id="v1", marks=needs_v1),
    pytest.param(_v1_alone, id="v1 alone", marks=needs_v1),
    pytest.param(_v2, id="v2", marks=needs_v2),
    pytest.param(_subreaper, id="subreaper"),
]


@pytest.fixture
def family() -> Iterator[Family]:
    made = Family(is_subreaper=True)
    yield made
    made.close()


def _counted(containment: Containment, leader: ProcessId) -> set[int]:
    """What is read of the session: its client's tree, and all below the containment's roots."""
    return with_descendants({leader.pid, *containment.roots()}, scan())


def _held(family: Family, make: Maker, stack: ExitStack) -> Containment:
    containment = make(stack, family.above.pid)
    assert containment.place(family.leader)
    family.start()
    return containment


@pytest.mark.parametrize("make", MECHANISMS)
@pytest.mark.parametrize("is_killed", [False, True], ids=["leader alive", "leader killed"])
def test_all_seven_are_counted_and_ended(family: Family, make: Maker, is_killed: bool) -> None:
    with ExitStack() as stack:
        containment = _held(family, make, stack)
        if is_killed:
            family.kill_leader()
            wait_until(lambda: _missed(containment, family) == [], "all are counted")
        assert _missed(containment, family) == []
        _sweep(containment, family)
        assert [kind for kind, who in family.kinds.items() if is_alive(who)] == []


def _missed(containment: Containment, family: Family) -> list[str]:
    counted = _counted(containment, family.leader)
    return [kind for kind in KINDS if family.kinds[kind].pid not in counted]


def _sweep(containment: Containment, family: Family) -> None:
    """As the watchdog does it: the client's tree, and what the containment knows of."""

    def found() -> list[ProcessId]:
        pids = _counted(containment, family.leader) - {family.leader.pid}
        return [who for pid in pids if (who := identify(pid)) and is_alive(who)]

    end_all(found(), 0.5, exclude=[family.leader.pid, family.above.pid, os.getpid()], find_more=found)
