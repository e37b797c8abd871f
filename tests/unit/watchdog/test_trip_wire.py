"""When a limit needs no polling, since the kernel reports it."""

from __future__ import annotations

from memguard.host.containment.base import Containment
from memguard.watchdog.trip_wire import TripWire


class Group(Containment):
    """A group with a usage that a test sets; remembers where it was armed."""

    def __init__(self, usage_bytes: int) -> None:
        super().__init__()
        self.used = usage_bytes
        self.armed: list[int] = []

    def usage_bytes(self) -> int:
        return self.used

    def arm(self, limit_bytes: int) -> bool:
        self.armed.append(limit_bytes)
        return self.used < limit_bytes

    def raise_trip_wire(self, limit_bytes: int) -> bool:
        self.armed.append(max(limit_bytes, self.used + 1))
        return True


def test_it_is_armed_once_for_each_limit() -> None:
    group = Group(100)
    wire = TripWire(group)
    for limit in (500, 500, 800, 0):
        wire.set_at(limit)
    assert group.armed == [500, 800]
    assert not wire.reports(1), "beyond the last limit there is nothing to report"


def test_where_page_cache_has_filled_the_group_the_limit_is_polled_for() -> None:
    group = Group(600)
    wire = TripWire(group)
    wire.set_at(500)
    assert not wire.reports(1)
    group.used = 100
    wire.set_at(400)
    assert wire.reports(100)
    group.used = 450
    wire.sprung()
    assert not wire.reports(100)


def test_where_the_group_counts_less_than_is_held_the_limit_is_polled_for() -> None:
    """Swapped out, charged elsewhere before the placing, or not placed at all: the kernel would report too late."""
    group = Group(300)
    wire = TripWire(group)
    wire.set_at(500)
    assert wire.reports(300)
    assert not wire.reports(301)
    group.used = 0
    assert not wire.reports(300)


def test_what_reports_nothing_is_never_relied_on() -> None:
    wire = TripWire(Containment())
    wire.set_at(500)
    assert not wire.reports(0)
