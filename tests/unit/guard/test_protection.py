"""Restart protection: attempts, window, back-off, and what survives on disk."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memguard.core.settings import RestartLimits
from memguard.guard.protection import Protection

from .limits import PAIRS


class Clock:
    """UTC seconds that the test sets."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def _protection(folder: Path, clock: Clock, guard: str = "g", **changed: str) -> Protection:
    return Protection(str(folder / "protection.json"), guard, RestartLimits(PAIRS | changed), clock)


def test_the_first_restart_is_allowed_and_a_second_waits_for_the_cooldown(tmp_path: Path) -> None:
    clock = Clock()
    protection = _protection(tmp_path, clock)
    assert protection.can_restart()[0]
    assert protection.record_attempt("test") == 1
    assert protection.can_restart() == (False, "cooling down for another 30 s")
    clock.now_s += 31
    assert protection.can_restart()[0]


@pytest.mark.parametrize(
    ("field", "value", "second_cooldown_s"),
    [("cooldown_multiplier", "3", 90), ("initial_cooldown_s", "10", 20), ("max_cooldown_s", "45", 45)],
)
def test_each_setting_of_the_back_off_changes_it(
    tmp_path: Path, field: str, value: str, second_cooldown_s: float
) -> None:
    clock = Clock()
    protection = _protection(tmp_path, clock, **{field: value})
    for _ in range(2):
        protection.record_attempt("test")
    assert protection.cooldown_remaining_s() == second_cooldown_s


def test_attempts_are_used_up_until_the_window_has_passed(tmp_path: Path) -> None:
    clock = Clock()
    protection = _protection(tmp_path, clock, max_attempts="2", attempt_window_s="1000")
    for _ in range(2):
        protection.record_attempt("test")
        clock.now_s += 400
    assert protection.can_restart() == (False, "2 restarts in 17 min, the limit is 2")
    clock.now_s += 300
    assert protection.can_restart()[0]


def test_attempts_survive_the_process_and_belong_to_their_guard(tmp_path: Path) -> None:
    clock = Clock()
    _protection(tmp_path, clock).record_attempt("test")
    assert len(_protection(tmp_path, clock).attempts()) == 1
    assert _protection(tmp_path, clock, guard="other").can_restart()[0]


def test_reset_forgets_only_this_guard(tmp_path: Path) -> None:
    clock = Clock()
    for guard in ("a", "b"):
        _protection(tmp_path, clock, guard).record_attempt("test")
    _protection(tmp_path, clock, "a").reset()
    assert _protection(tmp_path, clock, "a").can_restart()[0]
    assert not _protection(tmp_path, clock, "b").can_restart()[0]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"attempts":[{"t_utc":"x","guard":"g"}]}', b"\xff\xfe"])
def test_an_unreadable_record_counts_as_an_attempt_and_is_kept(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "protection.json").write_bytes(data)
    protection = _protection(tmp_path, Clock())
    assert not protection.can_restart()[0]
    assert (tmp_path / "protection.json.unreadable").read_bytes() == data


def test_a_clock_set_back_does_not_free_an_attempt(tmp_path: Path) -> None:
    clock = Clock()
    protection = _protection(tmp_path, clock)
    protection.record_attempt("test")
    clock.now_s -= 100_000
    assert len(protection.attempts()) == 1
    assert not protection.can_restart()[0]


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.floats(0, 2000), min_size=1, max_size=25))
def test_no_order_of_tries_yields_more_restarts_in_a_window_than_allowed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[float]
) -> None:
    clock, folder = Clock(), tmp_path_factory.mktemp("p")
    done: list[float] = []
    for step_s in steps:
        clock.now_s += step_s
        protection = _protection(folder, clock)  # a new process each time
        if protection.can_restart()[0]:
            protection.record_attempt("test")
            done.append(clock.now_s)
    assert all(sum(t - 3600 < other <= t for other in done) <= 3 for t in done)
