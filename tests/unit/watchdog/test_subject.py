"""When a reading is confirmed, and what is taken as held until the next time."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from memguard.core.part import TOOL, Part
from memguard.core.reading import ProcessReading, TreeReading
from memguard.core.thresholds import Thresholds
from memguard.host import confirm, current, identity
from memguard.watchdog.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = Thresholds(1000, 2000, 3000)


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], list[int]]:
    """Set what the tree sums to and what PSS confirms; gives the list of confirmations so far."""
    confirmations: list[int] = []

    def hold(sum_bytes: int, pss_bytes: int) -> list[int]:
        def shares_bytes(_reading: TreeReading) -> dict[int, int]:
            confirmations.append(pss_bytes)
            return {1: pss_bytes}

        reading = TreeReading([ProcessReading(1, 0, 1, sum_bytes)])
        monkeypatch.setattr(current, "read_tree", lambda _pid: reading)
        monkeypatch.setattr(confirm, "shares_bytes", shares_bytes)
        return confirmations

    return hold


@pytest.fixture
def subject() -> Subject:
    client = identity.identify(os.getpid())
    assert client is not None
    return Subject(client)


def test_shared_memory_is_confirmed_away_and_not_looked_at_ten_times_a_second(
    subject: Subject, tree: Callable[[int, int], list[int]]
) -> None:
    """The sum is over EMERGENCY, what is really held is NORMAL: a pool of workers that share their memory."""
    confirmations = tree(5000, 500)
    for _ in range(10):
        subject.look(LIMITS)
    assert (subject.state, len(confirmations)) == ("NORMAL", 1)


def test_crossing_a_limit_is_confirmed_at_once(subject: Subject, tree: Callable[[int, int], list[int]]) -> None:
    tree(500, 500)
    subject.look(LIMITS)
    assert subject.state == "NORMAL"
    tree(2500, 2500)
    subject.look(LIMITS)
    assert subject.state == "CRITICAL"
    tree(3500, 3500)
    subject.look(LIMITS)
    assert subject.state == "EMERGENCY"


def test_over_a_limit_it_is_confirmed_again_after_a_while(
    subject: Subject, tree: Callable[[int, int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmations = tree(2500, 500)
    subject.look(LIMITS)
    tree(2600, 2600)
    subject.look(LIMITS)
    assert subject.state == "NORMAL"
    now_s = time.monotonic() + 1.1
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    subject.look(LIMITS)
    assert (subject.state, confirmations) == ("CRITICAL", [500, 2600])


def test_what_is_confirmed_is_never_more_than_the_sum(subject: Subject, tree: Callable[[int, int], list[int]]) -> None:
    """PSS is read after the sum: what came in between isn't over the limit that the sum was."""
    tree(1500, 9000)
    subject.look(LIMITS)
    assert (subject.state, subject.confirmed_bytes) == ("WARNING", 1500)


def test_what_grew_since_counts_in_full_until_it_is_confirmed(
    subject: Subject, tree: Callable[[int, int], list[int]]
) -> None:
    tree(2500, 600)
    subject.look(LIMITS)
    assert subject.held_bytes() == 600
    tree(2800, 600)
    subject.look(LIMITS)
    assert subject.held_bytes() == 900
    tree(2100, 600)
    subject.look(LIMITS)
    assert subject.held_bytes() == 600


def test_below_every_limit_the_sum_is_taken_as_it_is(subject: Subject, tree: Callable[[int, int], list[int]]) -> None:
    confirmations = tree(2500, 600)
    subject.look(LIMITS)
    tree(900, 1)
    subject.look(LIMITS)
    assert (subject.held_bytes(), subject.state, len(confirmations)) == (900, "NORMAL", 1)


def test_a_part_has_its_confirmed_share_and_one_that_came_later_its_footprint(
    subject: Subject, tree: Callable[[int, int], list[int]]
) -> None:
    tree(2500, 600)
    subject.look(LIMITS)
    later = ProcessReading(2, 1, 1, 70)
    part = Part(TOOL, "Bash", subject.client, [subject.reading.processes[0], later])
    assert subject.share_bytes(part) == 670


def test_how_long_it_has_been_critical(
    subject: Subject, tree: Callable[[int, int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(1500, 1500)
    subject.look(LIMITS)
    assert subject.over_s() == 0.0
    tree(2500, 2500)
    subject.look(LIMITS)
    begun_s = subject.over_since_s
    monkeypatch.setattr(time, "monotonic", lambda: begun_s + 40.0)
    subject.look(LIMITS)
    assert subject.over_s() == 40.0
    tree(500, 500)
    subject.look(LIMITS)
    assert subject.over_s() == 0.0
