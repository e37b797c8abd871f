"""When a reading is confirmed, and how long the watchdog may look away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memguard.core.reading import ProcessReading, TreeReading
from memguard.core.settings import Settings
from memguard.core.thresholds import Thresholds
from memguard.host import confirm, current, identity
from memguard.watchdog.pace import pause_s
from memguard.watchdog.subject import Subject

from ..guard.limits import PAIRS  # noqa: TID252  the default policy

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = Thresholds(1000, 2000, 3000)
SETTINGS = Settings(
    PAIRS
    | {"project": "/p", "runtime": "/r", "python": "/py", "mode": "guard"}
    | {"warning_bytes": "1000", "critical_bytes": "2000", "emergency_bytes": "3000"}
    | {"normal_interval_s": "30", "warning_interval_s": "15", "critical_interval_s": "5", "emergency_interval_s": "1"}
)


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], list[int]]:
    """Set what the tree sums to and what PSS confirms; gives the list of confirmations so far."""
    confirmations: list[int] = []

    def hold(sum_bytes: int, pss_bytes: int) -> list[int]:
        def confirmed_bytes(_reading: TreeReading) -> int:
            confirmations.append(pss_bytes)
            return pss_bytes

        reading = TreeReading([ProcessReading(1, 0, 1, sum_bytes)])
        monkeypatch.setattr(current, "read_tree", lambda _pid: reading)
        monkeypatch.setattr(confirm, "confirmed_bytes", confirmed_bytes)
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
    subject.is_starting = False
    assert pause_s(subject, SETTINGS) >= 0.1


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


def test_at_emergency_without_a_way_out_the_watchdog_does_not_spin(
    subject: Subject, tree: Callable[[int, int], list[int]]
) -> None:
    tree(9000, 9000)
    subject.look(LIMITS)
    assert pause_s(subject, SETTINGS) == 0.5


@pytest.mark.parametrize(("state", "name"), [("NORMAL", "normal"), ("WARNING", "warning"), ("CRITICAL", "critical")])
def test_each_interval_is_an_upper_bound(subject: Subject, state: str, name: str) -> None:
    subject.is_starting, subject.state = False, state
    pairs = SETTINGS.interval_s | {state: 0.3}
    settings = Settings.__new__(Settings)
    settings.thresholds, settings.interval_s = Thresholds(1 << 50, 1 << 51, 1 << 52), pairs
    assert pause_s(subject, settings) == 0.3, name
