"""Every mechanism that is chosen passes the suite for mechanisms, and one that is broken doesn't."""

from __future__ import annotations

import os
from typing import ClassVar

import pytest

from memguard.host.containment import cgroup_v1, cgroup_v2
from memguard.host.containment.base import Containment
from memguard.host.containment.group import Group
from memguard.testing.contracts import ContainmentContract
from memguard.testing.waiting import wait_until
from tests.unit.host.containment.places import needs_v1, needs_v2

pytest_plugins = ["pytester"]
GUARD = f"contract{os.getpid()}"


def _remove(*groups: Group) -> None:
    for group in groups:
        wait_until(group.remove, "an empty group")


class TestSubreaper(ContainmentContract):
    def make(self, launcher_pid: int) -> Containment:
        return Containment(launcher_pid)


class TestProcessTree(ContainmentContract):
    """What has left the client's tree is found by its session id, which is not the mechanism's business."""

    reaches: ClassVar[frozenset[str]] = frozenset({"plain", "own group", "setsid", "grandchild", "under a shell"})
    reaches_orphans: ClassVar[frozenset[str]] = frozenset()

    def make(self, launcher_pid: int) -> Containment:
        assert launcher_pid
        return Containment(0)


@needs_v1
class TestCgroupV1(ContainmentContract):
    """With a v2 group beside it, where there is one."""

    def make(self, launcher_pid: int) -> Containment:
        assert launcher_pid
        return cgroup_v1.make(GUARD, 0, "/proc", "/sys/fs/cgroup")

    def lose(self, containment: Containment) -> None:
        assert isinstance(containment, cgroup_v1.CgroupV1)
        _remove(containment.held, containment.memory)


@needs_v1
class TestCgroupV1Alone(TestCgroupV1):
    """As where v2 isn't mounted beside it."""

    def make(self, launcher_pid: int) -> Containment:
        made = super().make(launcher_pid)
        assert isinstance(made, cgroup_v1.CgroupV1)
        if made.held is not made.memory:
            _remove(made.held)
        return cgroup_v1.CgroupV1(made.memory, None)


@needs_v2
class TestCgroupV2(ContainmentContract):
    def make(self, launcher_pid: int) -> Containment:
        assert launcher_pid
        return cgroup_v2.make(GUARD, 0, "/proc", "/sys/fs/cgroup", with_memory=False)

    def lose(self, containment: Containment) -> None:
        assert isinstance(containment, cgroup_v2.CgroupV2)
        _remove(containment.above)


BROKEN = """
class {name}(Containment):
    def {method}:
        {body}

class Test{name}(ContainmentContract):
    def make(self, launcher_pid):
        return {name}(launcher_pid)
"""
HEAD = """
from memguard.host.containment.base import Containment
from memguard.testing.contracts import ContainmentContract, containment

containment._PATIENCE_S = 0.5
"""
# What is wrong with it, and the test that is to find it.
FAULTS = {
    "Refuses": ("place(self, client)", "return False", "test_a_client_may_be_placed_again"),
    "IsAnother": (
        "to_pairs(self)",
        "return {'mechanism': 'x'}",
        "test_it_says_what_it_is_in_words_that_a_file_can_hold",
    ),
    "OwnsItsClient": (
        "roots(self)",
        "return [self.client_pid]",
        "test_client_launcher_and_this_process_are_no_roots",
    ),
    "Blind": ("roots(self)", "return []", "test_what_it_reaches_is_counted_and_ended[leader killed]"),
    "ReportsAlways": ("descriptor(self)", "return 0", "test_a_report_can_be_polled_for_or_there_is_none"),
    "Promises": ("arm(self, limit_bytes)", "return True", "test_a_report_can_be_polled_for_or_there_is_none"),
    "ArmsAnyway": (
        "arm(self, limit_bytes)",
        "return True",
        "test_a_limit_that_is_passed_already_is_not_armed_and_its_wire_is_raised",
    ),
    "Miscounts": ("usage_bytes(self)", "return -1", "test_what_it_has_made_can_vanish_under_it"),
    "Raises": ("acknowledge(self)", "raise OSError(2, 'gone')", "test_what_it_has_made_can_vanish_under_it"),
    "Stays": ("remove(self)", "return False", "test_it_can_be_removed_twice"),
    "Blames": (
        "end_all(self, spared=(), time_s=5.0)",
        "return list(spared)",
        "test_who_is_spared_goes_on_and_who_is_left_is_said",
    ),
    "Kills": (
        "end_all(self, spared=(), time_s=5.0)",
        "import os; [os.kill(pid, 9) for pid in list(spared)[:1]]; return []",
        "test_who_is_spared_goes_on_and_who_is_left_is_said",
    ),
}


def test_a_mechanism_that_breaks_a_rule_is_found_by_the_test_of_that_rule(pytester: pytest.Pytester) -> None:
    classes = [BROKEN.format(name=name, method=method, body=body) for name, (method, body, _) in FAULTS.items()]
    pytester.makepyfile(test_broken=HEAD + "".join(classes))
    wanted = [f"test_broken.py::Test{name}::{test}" for name, (*_, test) in FAULTS.items()]
    result = pytester.runpytest_subprocess("-q", "-rfE", "-p", "no:memguard", *wanted)
    shown = result.stdout.str()
    assert [node for node in wanted if f" {node}" not in shown] == [], shown
