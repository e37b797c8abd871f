"""A session whose memory can't be read: what is done by time instead."""

from __future__ import annotations

from memguard.core.reading import ESTIMATED, UNREADABLE, ProcessReading, TreeReading
from memguard.watchdog.blindness import Blindness

SEEN = TreeReading([ProcessReading(1, 0, 1, 100)])
HIDDEN = TreeReading([], hidden=1)
REFUSED = TreeReading([ProcessReading(1, 0, 1, 0, UNREADABLE)])


def test_a_session_that_can_be_read_is_never_checked_by_time() -> None:
    blindness = Blindness()
    for now_s in range(0, 100_000, 30):
        blindness.look(SEEN, now_s)
        assert not blindness.is_check_due(now_s)


def test_one_that_cannot_is_checked_after_a_minute_and_then_every_ten() -> None:
    for unreadable in (HIDDEN, REFUSED):
        blindness, checks = Blindness(), []
        for now_s in range(0, 1900, 10):
            blindness.look(unreadable, now_s)
            if blindness.is_check_due(now_s):
                checks.append(now_s)
        assert checks == [60, 660, 1260, 1860]


def test_a_reading_that_fails_once_is_forgotten_by_the_next_good_one() -> None:
    blindness, checks = Blindness(), []
    for now_s in range(0, 1000, 10):
        blindness.look(SEEN if now_s % 50 == 40 else HIDDEN, now_s)
        if blindness.is_check_due(now_s):
            checks.append(now_s)
    assert not checks


def test_a_part_that_cannot_be_read_makes_the_sum_a_lower_bound() -> None:
    blindness = Blindness()
    blindness.look(TreeReading([ProcessReading(1, 0, 1, 100), ProcessReading(2, 1, 2, 0, UNREADABLE)]))
    assert blindness.is_partial
    assert not blindness.is_blind
    blindness.look(TreeReading([ProcessReading(1, 0, 1, 100, ESTIMATED)]))
    assert not blindness.is_partial
