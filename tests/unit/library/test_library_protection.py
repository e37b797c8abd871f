"""`RestartProtection` and `GracefulDegradation` of the library: the engine's, with the specification's names."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from memguard import DegradationMode, GracefulDegradation, MemoryInfo, RestartPolicy, RestartProtection
from memguard.core.thresholds import Thresholds
from memguard.guard.moment import Moment
from memguard.guard.restart_verdict import ALLOWED, SPENT, Verdict
from memguard.library.graceful_degradation import STRATEGIES, Failure, Fallback
from tests.sandbox import Sandbox

GB = 1 << 30
LIMITS = Thresholds(1 * GB, 2 * GB, 3 * GB)


class Clock:
    """A boot of this host whose time a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> Moment:
        return Moment(1764000000 + self.now_s, "boot", self.now_s)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def protection(folder: Path, clock: Clock, name: str = "one", **policy: Any) -> RestartProtection:
    return RestartProtection(
        RestartPolicy(**policy), name=name, path=str(folder / "record" / "protection.json"), clock=clock
    )


def test_attempts_are_limited_within_the_window(tmp_path: Path, clock: Clock) -> None:
    guard = protection(tmp_path, clock, max_attempts=2, attempt_window=600, initial_cooldown=0, max_cooldown=0)
    for _ in range(2):
        assert guard.can_restart() == (True, "allowed")
        guard.record_attempt(success=True, reason="memory")
    is_allowed, why = guard.can_restart()
    assert not is_allowed
    assert "2 restarts in 10 min, the limit is 2" in why
    clock.now_s += 601
    assert guard.can_restart()[0]


def test_the_cooldown_doubles_with_each_attempt_up_to_its_maximum(tmp_path: Path, clock: Clock) -> None:
    guard = protection(tmp_path, clock, max_attempts=9, initial_cooldown=30, max_cooldown=100)
    for wanted_s in (30, 60, 100, 100):
        guard.record_attempt(success=True, reason="memory")
        assert guard.get_cooldown_remaining() == pytest.approx(wanted_s)
        assert "cooling down" in guard.can_restart()[1]
        clock.now_s += wanted_s
        assert guard.get_cooldown_remaining() == 0
        assert guard.can_restart()[0]


def test_a_failed_restart_opens_the_breaker_and_a_settled_one_closes_it(tmp_path: Path, clock: Clock) -> None:
    guard = protection(tmp_path, clock, max_attempts=9)
    guard.record_attempt(success=False, reason="memory")
    states = [guard.statistics["breaker"]]
    assert not guard.can_restart()[0]
    clock.now_s += 30
    states.append(guard.statistics["breaker"])
    assert guard.begin_attempt("the probe")[0] == 2
    assert not guard.can_restart()[0], "one probe at a time"
    guard.record_attempt(success=True, reason="")
    states.append(guard.statistics["breaker"])
    assert states == ["open", "half-open", "closed"]


def test_reset_forgets(tmp_path: Path, clock: Clock) -> None:
    guard = protection(tmp_path, clock, max_attempts=1)
    guard.record_attempt(success=False, reason="memory")
    guard.reset()
    assert guard.can_restart()[0]
    assert guard.get_cooldown_remaining() == 0


def test_attempts_outlive_the_program_and_are_told_apart_by_name(tmp_path: Path, clock: Clock) -> None:
    protection(tmp_path, clock, max_attempts=1).record_attempt(success=True, reason="memory")
    assert not protection(tmp_path, clock, max_attempts=1).can_restart()[0]
    assert protection(tmp_path, clock, "two", max_attempts=1).can_restart()[0]
    assert not protection(tmp_path, clock, "three", host_max_attempts=1).can_restart()[0], "the host's limit is for all"


def test_by_default_it_is_on_the_record_that_all_guards_of_the_host_share(machine: Sandbox) -> None:
    RestartProtection(RestartPolicy()).record_attempt(success=True, reason="memory")
    assert "memory" in (machine.state / "protection.json").read_text()


def told() -> tuple[GracefulDegradation, list[tuple[str, str]]]:
    changes: list[tuple[str, str]] = []
    return GracefulDegradation(notify=lambda mode, why: changes.append((mode.value, why))), changes


def test_the_modes_have_the_values_of_the_specification() -> None:
    assert [mode.value for mode in DegradationMode] == ["normal", "warning", "read_only", "emergency"]


@pytest.mark.parametrize(
    ("mode", "allowed", "denied"),
    [
        (DegradationMode.NORMAL, ["Write", "Bash", "Read"], []),
        (DegradationMode.WARNING, ["Write", "Bash", "Read"], []),
        (DegradationMode.READ_ONLY, ["Read", "Grep", "mcp__notes"], ["Write", "Edit", "Bash", "Task"]),
        (DegradationMode.EMERGENCY, ["Read", "Grep"], ["Write", "Bash", "mcp__notes"]),
    ],
)
def test_each_level_denies_what_it_says(mode: DegradationMode, allowed: list[str], denied: list[str]) -> None:
    degradation, changes = told()
    asyncio.run(degradation.apply_degradation(mode, "because"))
    assert all(degradation.allows(tool) for tool in allowed)
    assert not any(degradation.allows(tool) for tool in denied)
    assert changes == ([(mode.value, "because")] if mode is not DegradationMode.NORMAL else [])
    assert all("because" in degradation.denial(tool) for tool in denied)


def test_patterns_are_the_callers_own() -> None:
    degradation = GracefulDegradation(read_only=["Bash(make *)"], emergency=["Read"])
    degradation.disable_file_operations()
    assert degradation.allows("Write")
    assert degradation.allows("Bash", "ls")
    assert not degradation.allows("Bash", "make all")
    degradation.enable_emergency_mode()
    assert not degradation.allows("Grep")


def test_it_is_a_hook_of_the_agent_sdk() -> None:
    degradation = GracefulDegradation()
    call = {"tool_name": "Write", "tool_input": {"file_path": "x"}}
    assert asyncio.run(degradation.pre_tool_use(call, "id", None)) == {}
    degradation.disable_file_operations()
    answer = asyncio.run(degradation.pre_tool_use(call, "id", None))["hookSpecificOutput"]
    assert answer["permissionDecision"] == "deny"
    assert "this Write call was not carried out" in answer["permissionDecisionReason"]


def test_it_follows_memory_with_hysteresis_and_tells_once_per_change() -> None:
    degradation, changes = told()
    spent = Verdict(SPENT, "3 restarts in 60 min")

    async def follow() -> None:
        for memory_gb, verdict in (
            (0.5, Verdict(ALLOWED, "")),
            (1.5, Verdict(ALLOWED, "")),
            (2.5, spent),
            (2.4, spent),
        ):
            await degradation.update(MemoryInfo(memory_gb * 1024), LIMITS, verdict)
        await degradation.update(MemoryInfo(1.9 * 1024), LIMITS, spent)
        assert degradation.mode is DegradationMode.READ_ONLY, "not yet well below"
        await degradation.update(MemoryInfo(3.1 * 1024), LIMITS, spent)
        await degradation.update(MemoryInfo(0.5 * 1024), LIMITS, Verdict(ALLOWED, ""))

    asyncio.run(follow())
    assert [mode for mode, _ in changes] == ["warning", "read_only", "emergency", "normal"]


def test_a_listener_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: DegradationMode, __: str) -> None:
        raise RuntimeError

    degradation = GracefulDegradation(notify=fail)
    asyncio.run(degradation.apply_degradation(DegradationMode.READ_ONLY))
    assert not degradation.allows("Write")
    assert "a listener of degradation failed" in caplog.text


def test_the_strategy_table_is_the_specifications() -> None:
    assert STRATEGIES == {
        Failure.MONITORING: Fallback.TIME_BASED_CHECKS,
        Failure.CAPTURE: Fallback.CONTINUE_WITHOUT_STATE,
        Failure.RESTART: Fallback.READ_ONLY_MODE,
        Failure.CONFIGURATION: Fallback.SAFE_DEFAULTS,
    }


@pytest.mark.parametrize("failure", Failure)
def test_a_failure_has_its_strategy_and_is_said(failure: Failure, caplog: pytest.LogCaptureFixture) -> None:
    degradation = GracefulDegradation()
    with caplog.at_level(logging.WARNING):
        fallback = asyncio.run(degradation.handle_failure(failure, "a reason"))
    assert fallback is STRATEGIES[failure]
    assert "a reason" in caplog.text
    assert degradation.allows("Write") is (failure is not Failure.RESTART)
