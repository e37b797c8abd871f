"""Restart protection: attempts, window, back-off, the breakers, and what survives on disk."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from memguard.core.settings import RestartLimits
from memguard.guard.protection import RestartProtection
from memguard.guard.restart_verdict import ALLOWED, COOLING, FAILING, HOST_FAILING, HOST_SPENT, LOST, SPENT

from .fake_moment import HostClock
from .limits import PAIRS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def clock() -> HostClock:
    return HostClock()


def _protection(
    folder: Path, clock: HostClock, guard: str = "g", host: str = "here", **changed: str
) -> RestartProtection:
    return RestartProtection(str(folder / "protection.json"), guard, RestartLimits(PAIRS | changed), clock, host)


def _restart(protection: RestartProtection, *, success: bool = True) -> int:
    """One whole restart; its number, 0 where it was refused."""
    number, _ = protection.begin_attempt("test")
    if number:
        protection.record_attempt(success, "settled" if success else "back over the limit")
    return number


def _breaker(protection: RestartProtection) -> str:
    return str(protection.statistics["breaker"])


def test_the_first_restart_is_allowed_and_a_second_waits_for_the_cooldown(tmp_path: Path, clock: HostClock) -> None:
    protection = _protection(tmp_path, clock)
    assert protection.can_restart() == (True, "allowed")
    assert _restart(protection) == 1
    assert protection.can_restart() == (False, "cooling down for another 30 s")
    assert protection.get_cooldown_remaining() == 30
    clock.passes(31)
    assert protection.can_restart()[0]
    assert protection.get_cooldown_remaining() == 0


@pytest.mark.parametrize(
    ("field", "value", "second_cooldown_s"),
    [("cooldown_multiplier", "3", 90), ("initial_cooldown_s", "10", 20), ("max_cooldown_s", "45", 45)],
)
def test_each_setting_of_the_back_off_changes_it(
    tmp_path: Path, clock: HostClock, field: str, value: str, second_cooldown_s: float
) -> None:
    protection = _protection(tmp_path, clock, **{field: value})
    for _ in range(2):
        protection.record_attempt(success=True, reason="test")
    assert protection.get_cooldown_remaining() == second_cooldown_s


def test_attempts_are_used_up_until_the_window_has_passed(tmp_path: Path, clock: HostClock) -> None:
    protection = _protection(tmp_path, clock, max_attempts="2", attempt_window_s="1000")
    for _ in range(2):
        assert _restart(protection)
        clock.passes(400)
    assert protection.can_restart() == (False, "2 restarts in 17 min, the limit is 2")
    assert protection.verdict().kind == SPENT
    assert _restart(protection) == 0
    clock.passes(300)
    assert protection.can_restart()[0]


def test_attempts_survive_the_process_and_belong_to_their_guard(tmp_path: Path, clock: HostClock) -> None:
    _restart(_protection(tmp_path, clock))
    assert len(_protection(tmp_path, clock).attempts()) == 1
    assert _protection(tmp_path, clock, guard="other").can_restart()[0]


def test_an_attempt_is_on_disk_without_an_outcome_before_it_has_one(tmp_path: Path, clock: HostClock) -> None:
    protection = _protection(tmp_path, clock, initial_cooldown_s="0")
    protection.begin_attempt("footprint over the critical limit")
    (attempt,) = json.loads((tmp_path / "protection.json").read_text())["attempts"]
    assert (attempt["outcome"], attempt["guard"], attempt["host"]) == ("pending", "g", "here")
    assert attempt["reason"] == "footprint over the critical limit"
    assert protection.can_restart() == (False, "the client of the last restart has not settled yet")
    assert protection.judge_attempt(success=True, why="settled")
    assert not protection.judge_attempt(success=False, why="twice")
    assert protection.can_restart()[0]
    assert protection.statistics["settled"] == 1


def test_a_failed_restart_opens_the_breaker_and_one_that_settles_closes_it(tmp_path: Path, clock: HostClock) -> None:
    """The time counts from when the failure was known: a client that takes a minute to fail has used up no pause."""
    protection = _protection(tmp_path, clock, max_attempts="9")
    protection.begin_attempt("test")
    clock.passes(60)
    protection.record_attempt(success=False, reason="back over the limit")
    assert _breaker(protection) == "open"
    assert (protection.verdict().kind, protection.verdict().wait_s) == (FAILING, 30)
    assert protection.begin_attempt("too soon")[0] == 0
    clock.passes(30)
    assert _breaker(protection) == "half-open"
    assert _restart(protection, success=True) == 2
    assert _breaker(protection) == "closed"


def test_a_probe_that_fails_opens_it_for_longer(tmp_path: Path, clock: HostClock) -> None:
    protection = _protection(tmp_path, clock, max_attempts="9")
    for wait_s in (30, 60, 120, 240, 300, 300):
        assert _restart(protection, success=False)
        assert protection.verdict().wait_s == wait_s
        clock.passes(wait_s)
        assert protection.can_restart()[0]


def test_one_that_nobody_followed_counts_as_failed(tmp_path: Path, clock: HostClock) -> None:
    protection = _protection(tmp_path, clock)
    protection.begin_attempt("test")
    clock.passes(599)
    assert protection.verdict().kind == COOLING
    clock.passes(2)
    assert protection.verdict().kind == FAILING
    clock.passes(30)
    assert _breaker(protection) == "half-open"


def test_the_host_has_a_limit_of_its_own(tmp_path: Path, clock: HostClock) -> None:
    for number in range(4):
        assert _restart(_protection(tmp_path, clock, f"g{number}", host_max_attempts="4")) == 1
        clock.passes(1)
    fifth = _protection(tmp_path, clock, "g5", host_max_attempts="4")
    assert fifth.can_restart() == (False, "4 restarts of all sessions of this host in 60 min, the limit is 4")
    assert fifth.verdict().kind == HOST_SPENT
    elsewhere = _protection(tmp_path, clock, "g5", host="another, with the same home", host_max_attempts="4")
    assert elsewhere.can_restart()[0]
    fifth.reset_host()
    assert fifth.can_restart()[0]


def test_failures_of_several_guards_open_the_hosts_breaker_and_one_probe_tries(
    tmp_path: Path, clock: HostClock
) -> None:
    first, second, third = (_protection(tmp_path, clock, guard) for guard in ("a", "b", "c"))
    for protection in (first, second):
        _restart(protection, success=False)
    clock.passes(31)
    _restart(first, success=False)
    assert third.verdict().kind == HOST_FAILING
    clock.passes(300)
    assert third.statistics["host_breaker"] == "half-open"
    assert third.begin_attempt("probe")[0] == 1
    assert second.begin_attempt("a second probe")[0] == 0
    third.record_attempt(success=True, reason="settled")
    assert second.begin_attempt("closed")[0] == 2


def test_one_session_that_fails_alone_does_not_hold_up_the_others(tmp_path: Path, clock: HostClock) -> None:
    failing = _protection(tmp_path, clock, "a")
    for _ in range(3):
        assert _restart(failing, success=False)
        clock.passes(300)
    assert _protection(tmp_path, clock, "b").verdict().kind == ALLOWED


def test_reset_forgets_only_this_guard(tmp_path: Path, clock: HostClock) -> None:
    for guard in ("a", "b"):
        _restart(_protection(tmp_path, clock, guard))
    _protection(tmp_path, clock, "a").reset()
    assert _protection(tmp_path, clock, "a").can_restart()[0]
    assert not _protection(tmp_path, clock, "b").can_restart()[0]


NOT_A_TIME = (
    b'{"version": 2, "attempts": [{"id": "a", "guard": "g", "host": "h", "reason": "", "t_utc": NaN, "boot": "",'
    b' "uptime_s": 1, "outcome": "pending"}]}'
)
UNREADABLE = [
    b"", b"{", b"[]", b'{"version": 1, "attempts": []}', b'{"version": 3, "attempts": []}', b"\xff\xfe",
    b'{"version": 2, "attempts": [{"t_utc": "x", "guard": "g"}]}', b'{"version": 2, "attempts": 7}', b"\0" * 300,
    NOT_A_TIME,
]  # fmt: skip


@pytest.mark.parametrize("data", UNREADABLE, ids=range(len(UNREADABLE)))
def test_an_unreadable_record_counts_as_spent_is_kept_and_said(tmp_path: Path, clock: HostClock, data: bytes) -> None:
    """Whoever can spoil it must not get restarts by it; the window, or the person, ends that."""
    (tmp_path / "protection.json").write_bytes(data)
    protection = _protection(tmp_path, clock)
    assert protection.verdict().kind == LOST
    assert "protection.json.unreadable" in protection.can_restart()[1]
    assert (tmp_path / "protection.json.unreadable").read_bytes() == data
    assert _protection(tmp_path, clock, "another").begin_attempt("test")[0] == 0
    clock.passes(3601)
    assert protection.can_restart()[0]


def test_the_person_can_begin_a_new_record(tmp_path: Path, clock: HostClock) -> None:
    (tmp_path / "protection.json").write_bytes(b"torn")
    protection = _protection(tmp_path, clock)
    assert not protection.can_restart()[0]
    protection.reset()
    assert protection.can_restart()[0]


@pytest.mark.parametrize("jump_s", [-1e9, -100_000, 100_000, 1e9])
def test_a_clock_that_is_set_neither_frees_an_attempt_nor_holds_it_for_ever(
    tmp_path: Path, clock: HostClock, jump_s: float
) -> None:
    protection = _protection(tmp_path, clock, max_attempts="1")
    _restart(protection)
    clock.jump(jump_s)
    assert len(protection.attempts()) == 1
    assert protection.verdict().kind == SPENT
    clock.passes(3601)
    assert protection.can_restart()[0]


def test_across_a_boot_the_clock_counts_and_never_for_longer_than_the_host_is_up(
    tmp_path: Path, clock: HostClock
) -> None:
    protection = _protection(tmp_path, clock, max_attempts="1")
    _restart(protection)
    clock.reboot(600)
    assert not protection.can_restart()[0]
    clock.jump(-1e9)
    clock.passes(3601)
    assert protection.can_restart()[0]


def test_the_file_is_private(tmp_path: Path, clock: HostClock) -> None:
    _restart(_protection(tmp_path, clock))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_statistics_count_what_happened(tmp_path: Path, clock: HostClock) -> None:
    protection = _protection(tmp_path, clock, max_attempts="5")
    _restart(protection)
    clock.passes(100)
    _restart(protection, success=False)
    found = protection.statistics
    assert (found["attempts"], found["settled"], found["failed"], found["pending"]) == (2, 1, 1, 0)
    assert (found["breaker"], found["refusal"], found["cooldown_remaining_s"]) == ("open", FAILING, 60.0)
    assert (found["host_attempts"], found["host_max_attempts"]) == (2, 12)


def test_a_record_grows_no_further_than_its_bounds(tmp_path: Path, clock: HostClock) -> None:
    protection = _protection(tmp_path, clock)
    for _ in range(5):
        protection.record_attempt(success=True, reason="x" * 10_000)
    assert (tmp_path / "protection.json").stat().st_size < 5 * 600
    clock.passes(31 * 86400)
    protection.record_attempt(success=True, reason="later")
    assert len(json.loads((tmp_path / "protection.json").read_text())["attempts"]) == 1
    assert os.listdir(tmp_path).count("protection.json.lock") == 1
