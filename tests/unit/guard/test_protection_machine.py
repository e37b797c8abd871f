"""No order of restarts, deaths, clock jumps, reboots and losses of the record yields more restarts than allowed.

A hypothesis state machine: several guards on two hosts with one state folder, each call by a new process (a new object,
as after `/clear`, a fork, or another watchdog), some of which are killed before one of their system calls. What it
knows of time (`true_s`) no clock can change.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from memguard.core.settings import RestartLimits
from memguard.guard.breaker import LONGEST_ATTEMPT_S
from memguard.guard.protection import RestartProtection

from .fake_moment import HostClock
from .limits import PAIRS

EXAMPLES = 150
STEPS = 50
WINDOW_S = 1000.0
MOST, HOST_MOST = 3, 5
MAX_COOLDOWN_S = 120.0
GUARDS = st.sampled_from(["here/a", "here/b", "here/c", "there/d"])
SYSTEM_CALLS = ("open", "write", "ftruncate", "replace", "link", "unlink")
counted = {"examples": 0, "steps": 0, "restarts": 0, "kills": 0}


class Killed(BaseException):
    """SIGKILL: nothing of the process runs any more."""


@dataclass
class Restart:
    """One that really happened: whoever asked was told that it may, and lived to go on."""

    guard: str
    begun_s: float
    boot: int
    outcome: str = ""
    judged_s: float = 0.0

    @property
    def host(self) -> str:
        return self.guard.partition("/")[0]


class Protecting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="memguard-machine-"))
        self.path = self.folder / "protection.json"
        self.clock = HostClock()
        self.done: list[Restart] = []
        self.is_lost = False
        self.fsync = mock.patch.object(os, "fsync", return_value=None)  # no power is cut here
        self.fsync.start()
        counted["examples"] += 1

    def teardown(self) -> None:
        self.fsync.stop()
        shutil.rmtree(self.folder)

    def _protection(self, guard: str) -> RestartProtection:
        pairs = PAIRS | {
            "max_attempts": str(MOST), "host_max_attempts": str(HOST_MOST), "attempt_window_s": str(WINDOW_S),
            "max_cooldown_s": str(MAX_COOLDOWN_S),
        }  # fmt: skip
        host, _, lineage = guard.partition("/")
        return RestartProtection(str(self.path), lineage, RestartLimits(pairs), self.clock, host)

    def _killed_at(self, number: int, act: Callable[[], object]) -> bool:
        """Run `act`, and kill it before its so-manyth system call on files; whether that came."""
        left = [number]
        found = {name: getattr(os, name) for name in SYSTEM_CALLS}

        def counting(name: str) -> Callable[..., object]:
            def call(*words: object, **named: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
                return found[name](*words, **named)

            return call

        patches = [mock.patch.object(os, name, counting(name)) for name in SYSTEM_CALLS]
        for patch in patches:
            patch.start()
        try:
            act()
        except Killed:
            counted["kills"] += 1
            return True
        finally:
            for patch in patches:
                patch.stop()
        return False

    @initialize()
    def begin(self) -> None:
        counted["steps"] += 1

    @rule(guard=GUARDS, pause_s=st.sampled_from([0.0, 0.0, 31.0, 61.0, MAX_COOLDOWN_S]))
    def restart(self, guard: str, pause_s: float) -> None:
        counted["steps"] += 1
        self.clock.passes(pause_s)
        self._expect_at_most_one_probe_from(guard, self._protection(guard).begin_attempt("test")[0])

    @rule(guards=st.lists(GUARDS, min_size=1, max_size=4), success=st.booleans(), pause_s=st.sampled_from([0.0, 121.0]))
    def several_restart(self, guards: list[str], success: bool, pause_s: float) -> None:
        """Each to its end, so that limits are reached that single steps come to seldom."""
        for guard in guards:
            self.restart(guard, 0.0)
            self.outcome(guard, success, 99)
        self.clock.passes(pause_s)

    @rule(guard=GUARDS, number=st.integers(0, 12))
    def restart_and_be_killed(self, guard: str, number: int) -> None:
        """Killed before it returned, it has signalled nobody, whatever is on disk."""
        counted["steps"] += 1
        answers: list[int] = []
        self._killed_at(number, lambda: answers.append(self._protection(guard).begin_attempt("test")[0]))
        if answers:
            self._expect_at_most_one_probe_from(guard, answers[0])

    def _expect_at_most_one_probe_from(self, guard: str, number: int) -> None:
        if not number:
            return
        counted["restarts"] += 1
        now_s = self.clock.true_s
        new = Restart(guard, now_s, self.clock.boots)
        own = [each for each in self.done if each.guard == guard]
        assert not [each for each in own if self._is_under_way(each)], "a second one before the first was judged"
        here = [each for each in self.done if each.host == new.host and now_s - each.begun_s < WINDOW_S]
        failed = self._failures_at_end(here)
        if len(failed) >= 3 and len({each.guard for each in failed}) > 1:
            assert not [each for each in here if self._is_under_way(each)], "a second probe of the host"
        self.done.append(new)

    def _is_under_way(self, restart: Restart) -> bool:
        is_young = self.clock.true_s - restart.begun_s < LONGEST_ATTEMPT_S
        return not restart.outcome and is_young and restart.boot == self.clock.boots

    def _failures_at_end(self, restarts: list[Restart]) -> list[Restart]:
        run: list[Restart] = []
        for restart in reversed(restarts):
            if restart.outcome == "settled":
                break
            if not self._is_under_way(restart):
                run.append(restart)
        return run

    @rule(guard=GUARDS, success=st.booleans(), number=st.integers(0, 30))
    def outcome(self, guard: str, success: bool, number: int) -> None:
        """The follower says how it ended; killed meanwhile, the record says it or doesn't."""
        counted["steps"] += 1
        was_killed = self._killed_at(number, lambda: self._protection(guard).judge_attempt(success, "said"))
        open_ones = [each for each in self.done if each.guard == guard and not each.outcome]
        if was_killed:  # who comes after it says it again, as it does
            self._protection(guard).judge_attempt(success, "said")
        for each in open_ones:
            each.outcome = "settled" if success and each is open_ones[-1] else "failed"
            each.judged_s = self.clock.true_s

    @rule(seconds=st.one_of(st.floats(0, 200), st.sampled_from([30.0, 60.0, 120.0, WINDOW_S / 2, WINDOW_S])))
    def time_passes(self, seconds: float) -> None:
        counted["steps"] += 1
        self.clock.passes(seconds)

    @rule(seconds=st.one_of(st.floats(-1e7, 1e7), st.sampled_from([-3600.0, 3600.0, WINDOW_S])))
    def somebody_sets_the_clock(self, seconds: float) -> None:
        """What is of an earlier boot is only known by that clock."""
        counted["steps"] += 1
        self.clock.jump(seconds)
        self.done = [each for each in self.done if each.boot == self.clock.boots]

    @rule(seconds=st.floats(1, 500))
    def the_host_boots(self, seconds: float) -> None:
        counted["steps"] += 1
        self.clock.utc_s = 1_000_000.0 + self.clock.true_s
        before = self.done
        self.clock.reboot(seconds)
        # By UTC from here on; a jump within the last boot made those of it younger or older than they are.
        self.done = [each for each in before if abs(self._utc_of(each) - each.begun_s) < 1]

    def _utc_of(self, restart: Restart) -> float:
        try:
            found = json.loads(self.path.read_text())["attempts"]
        except (OSError, ValueError, KeyError):
            return float("inf")
        lineage = restart.guard.partition("/")[2]
        times = [float(each["t_utc"]) - 1_000_000.0 for each in found if each["guard"] == lineage]
        return min(times, key=lambda utc_s: abs(utc_s - restart.begun_s), default=float("inf"))

    @rule(kept=st.floats(0, 1), chance=st.integers(0, 5))
    def the_record_is_torn(self, kept: float, chance: int) -> None:
        """Seldom: what it takes with it is spent until the person resets it."""
        counted["steps"] += 1
        if self.path.exists() and chance == 5:
            data = self.path.read_bytes()
            self.path.write_bytes(data[: int(len(data) * kept * 0.99)])
            self.is_lost = True

    @rule(guard=GUARDS, number=st.integers(0, 12))
    def somebody_reads_and_is_killed(self, guard: str, number: int) -> None:
        counted["steps"] += 1
        self._killed_at(number, lambda: self._protection(guard).verdict())

    @rule(guard=GUARDS)
    def the_person_resets(self, guard: str) -> None:
        counted["steps"] += 1
        self._protection(guard).reset()
        self.done = [] if self.is_lost else [each for each in self.done if each.guard != guard]
        self.is_lost = False

    @invariant()
    def never_more_in_any_window_than_allowed(self) -> None:
        now_s = self.clock.true_s
        recent = [each for each in self.done if now_s - each.begun_s < WINDOW_S]
        for guard in {each.guard for each in recent}:
            assert sum(each.guard == guard for each in recent) <= MOST
        for host in {each.host for each in recent}:
            assert sum(each.host == host for each in recent) <= HOST_MOST


def test_no_order_of_events_yields_more_restarts_than_allowed() -> None:
    counted.update(dict.fromkeys(counted, 0))
    run_state_machine_as_test(
        Protecting,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None, print_blob=True
        ),
    )
    print(", ".join(f"{count} {name}" for name, count in counted.items()))  # noqa: T201  the figure is asked for
    assert counted["restarts"] > counted["examples"] / 4, "it did something"
    assert counted["kills"] > 0
