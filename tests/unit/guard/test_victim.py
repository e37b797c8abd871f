"""Which of several sessions is restarted when they hold too much together."""

from __future__ import annotations

import random

import pytest

from memguard.guard.victim import IDLE_CLIENT_BYTES, LEAST_GAIN_BYTES, Candidate, choose

MB = 1024 * 1024


def session(guard_id: str, size_mb: int, **known: object) -> Candidate:
    candidate = Candidate(guard_id, size_mb * MB)
    for name, value in known.items():
        setattr(candidate, name, value)
    return candidate


def chosen(*candidates: Candidate) -> str:
    found = choose(list(candidates))
    return found.guard_id if found else ""


def test_the_largest_idle_session_goes_first() -> None:
    idle = [session("a", 500, is_idle=True), session("b", 900, is_idle=True), session("c", 700, is_idle=True)]
    assert chosen(*idle) == "b"


def test_a_busy_one_goes_last_however_large_it_is() -> None:
    assert chosen(session("busy", 9000), session("idle", 300, is_idle=True)) == "idle"
    assert chosen(session("small", 400), session("large", 800)) == "large"


def test_of_busy_ones_the_inner_goes_before_the_outer_that_would_end_both() -> None:
    assert chosen(session("outer", 900), session("inner", 300, is_nested=True)) == "inner"


@pytest.mark.parametrize("hindrance", ["is_paused", "is_spent", "is_starting"])
def test_one_that_would_not_be_restarted_is_not_chosen(hindrance: str) -> None:
    hindered = session("large", 900, is_idle=True, **{hindrance: True})
    assert chosen(hindered, session("small", 400, is_idle=True)) == "small"
    assert chosen(hindered) == ""


def test_one_that_can_not_be_restarted_is_not_chosen() -> None:
    assert chosen(session("a", 900, is_idle=True, is_restartable=False)) == ""


def test_an_idle_client_that_holds_nothing_of_its_own_is_left_alone() -> None:
    """Restarting it would free nothing, be it ever so idle; a busy one that holds something goes instead."""
    empty = Candidate("empty", IDLE_CLIENT_BYTES + LEAST_GAIN_BYTES - 1)
    empty.is_idle = True
    assert chosen(empty) == ""
    assert chosen(empty, session("busy", 600)) == "busy"
    empty.footprint_bytes += 1
    assert chosen(empty) == "empty"


def test_one_that_comes_back_as_large_as_it_is_does_not_help() -> None:
    resumed = session("resumed", 900, is_idle=True, resumed_bytes=880 * MB)
    assert chosen(resumed) == ""
    assert chosen(resumed, session("other", 300, is_idle=True)) == "other"


def test_nobody_of_none() -> None:
    assert choose([]) is None


def test_the_same_sessions_in_any_order_give_the_same_choice() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    for _ in range(300):
        candidates = [_any(chance, name) for name in "abcdefg"]
        first = chosen(*candidates)
        chance.shuffle(candidates)
        assert chosen(*candidates) == first
        _assert_best(candidates, first)


def _any(chance: random.Random, name: str) -> Candidate:
    flags = {name: chance.random() < 0.3 for name in ("is_paused", "is_spent", "is_starting", "is_nested")}
    known = flags | {"is_idle": chance.random() < 0.5, "resumed_bytes": chance.choice([0, 200, 800]) * MB}
    return session(name, chance.choice([100, 200, 300, 900]), **known)


def _assert_best(candidates: list[Candidate], first: str) -> None:
    """Nobody that helps and is idle was passed over for a smaller, or for a busy one."""
    helping = [candidate for candidate in candidates if candidate.helps]
    assert bool(helping) == bool(first)
    best = next((candidate for candidate in candidates if candidate.guard_id == first), None)
    idle = [candidate for candidate in helping if candidate.is_idle]
    if best and idle:
        assert best.is_idle
        assert best.footprint_bytes == max(candidate.footprint_bytes for candidate in idle)
