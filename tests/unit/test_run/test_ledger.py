"""Who grew and never gave it back, and how fast the whole grows."""

from __future__ import annotations

import random

import pytest

from memguard.test_run.ledger import Ledger

MB = 1024 * 1024


def _ledger(*ends_mb: float, worker: str = "") -> Ledger:
    """Tests 0, 1, 2, … that end at these sizes; the first begins at 20 MB."""
    ledger = Ledger()
    _add(ledger, *ends_mb, worker=worker)
    return ledger


def _add(ledger: Ledger, *ends_mb: float, worker: str = "") -> None:
    start = 20.0
    for number, end in enumerate(ends_mb):
        ledger.add(f"test_{number}", int(start * MB), int(end * MB), int(max(start, end) * MB), worker)
        start = end


def _kept_mb(ledger: Ledger) -> list[tuple[str, int]]:
    return [(kept.test, kept.kept_bytes // MB) for kept in ledger.kept()]


def test_who_grew_and_kept_it_the_most_first() -> None:
    assert _kept_mb(_ledger(25, 25, 65, 66)) == [("test_2", 40), ("test_0", 5), ("test_3", 1)]


def test_what_was_given_back_later_is_not_kept() -> None:
    assert _kept_mb(_ledger(60, 60, 20, 22)) == [("test_3", 2)]


def test_what_was_given_back_in_part_is_kept_in_part() -> None:
    assert _kept_mb(_ledger(60, 60, 35)) == [("test_0", 15)]


def test_less_than_a_megabyte_is_no_word_worth() -> None:
    assert _kept_mb(_ledger(20.9, 21.8, 22.7)) == []


def test_each_worker_has_memory_of_its_own() -> None:
    ledger = _ledger(60, 60, worker="gw0")
    _add(ledger, 20, 20, worker="gw1")
    assert [(kept.test, kept.worker) for kept in ledger.kept()] == [("test_0", "gw0")]
    last = ledger.last("gw1")
    assert last is not None
    assert last.end_bytes == 20 * MB
    assert ledger.last("gw2") is None


def test_a_steady_leak_has_its_slope() -> None:
    assert _ledger(*(20 + 3 * number for number in range(50))).growth_per_hundred_bytes() == pytest.approx(300 * MB)


def test_one_large_cache_does_not_tilt_it() -> None:
    assert _ledger(*[20] * 10, *[500] * 40).growth_per_hundred_bytes() == 0


def test_a_warm_up_does_not_hide_a_leak() -> None:
    ends = [60, 90, 100, *(100 + 2 * number for number in range(60))]
    assert _ledger(*ends).growth_per_hundred_bytes() == pytest.approx(200 * MB, rel=0.1)


def test_noise_does_not_make_a_slope_and_many_tests_are_no_trouble() -> None:
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201  shown where the test fails
    generator = random.Random(seed)
    slope = _ledger(*(30 + generator.random() * 4 for _ in range(20000))).growth_per_hundred_bytes()
    assert slope is not None
    assert abs(slope) < 0.05 * MB


def test_workers_count_by_the_tests_that_they_ran() -> None:
    ledger = _ledger(*(20 + 4 * number for number in range(30)), worker="gw0")
    _add(ledger, *[20] * 10, worker="gw1")
    assert ledger.growth_per_hundred_bytes() == pytest.approx(300 * MB)


def test_few_tests_have_no_slope() -> None:
    assert _ledger(30, 40, 50, 60).growth_per_hundred_bytes() is None
    assert Ledger().growth_per_hundred_bytes() is None


def test_the_highest_peak() -> None:
    ledger = _ledger(30, 30)
    ledger.add("test_high", 30 * MB, 30 * MB, 90 * MB)
    highest = ledger.highest()
    assert highest is not None
    assert highest.test == "test_high"
    assert Ledger().highest() is None
