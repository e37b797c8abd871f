"""Whether the host is short of memory, asked no more often than that changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memguard.core.reading import Pressure
from memguard.host import pressure as pressure_module
from memguard.host.pressure import Gauge
from memguard.testing.fake_clock import FakeClock
from memguard.watchdog import shortage as shortage_module
from memguard.watchdog.shortage import Shortage

if TYPE_CHECKING:
    from collections.abc import Callable

GB = 1 << 30


class Host:
    """A host on disk whose memory can be set; `asked` counts the looks at it."""

    def __init__(self) -> None:
        self.asked = 0
        self.says_nothing = False
        self.available_kb = 8 << 20
        self.clock = FakeClock()

    def read_pressure(self, _proc: str = "/proc") -> Pressure:
        self.asked += 1
        return Pressure() if self.says_nothing else Pressure(16 * GB, self.available_kb * 1024)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(shortage_module, "read_pressure", host.read_pressure)
    monkeypatch.setattr("memguard.host.pressure.read_pressure", host.read_pressure)
    monkeypatch.setattr(Gauge, "_left_in_groups", lambda _: [])
    host.clock.replace_in(monkeypatch, shortage_module, pressure_module)
    return host


@pytest.fixture
def shortage(host: Host) -> Shortage:
    made = Shortage(os.getpid())
    host.asked = 0
    return made


def test_before_the_first_look_nothing_is_known(shortage: Shortage) -> None:
    assert (shortage.is_short, shortage.left_bytes) == (False, -1)
    assert shortage.headroom_bytes() >= 1 << 60


def test_a_look_says_what_is_left(shortage: Shortage) -> None:
    shortage.look()
    assert (shortage.is_short, shortage.left_bytes, shortage.headroom_bytes()) == (False, 8 * GB, 8 * GB)
    assert shortage.reading.total_bytes == 16 * GB


def test_a_second_look_at_once_asks_nobody_and_a_later_one_does(shortage: Shortage, host: Host) -> None:
    shortage.look()
    asked = host.asked
    host.available_kb = 100 << 10
    for _ in range(100):
        host.clock.advance(0.001)
        shortage.look()
    assert (host.asked, shortage.is_short) == (asked, False)
    host.clock.advance(0.2)
    shortage.look()
    assert (shortage.is_short, shortage.left_bytes) == (True, 100 << 20)


def test_it_is_over_when_the_memory_is_back(shortage: Shortage, host: Host) -> None:
    host.available_kb = 0
    shortage.look()
    assert (shortage.is_short, shortage.headroom_bytes()) == (True, 0)
    host.available_kb = 8 << 20
    host.clock.advance(1)
    shortage.look()
    assert not shortage.is_short


def test_a_host_that_does_not_say_has_no_limit_nearby(shortage: Shortage, host: Host) -> None:
    host.says_nothing = True
    shortage.look()
    assert (shortage.is_short, shortage.left_bytes) == (False, -1)
    assert shortage.headroom_bytes() >= 1 << 60


def test_a_group_that_is_nearly_full_is_a_shortage(shortage: Shortage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gauge, "_left_in_groups", lambda _: [(3 << 20, 100 << 20)])
    shortage.look()
    assert (shortage.is_short, shortage.left_bytes) == (True, 3 << 20)


def test_the_real_host_answers() -> None:
    shortage = Shortage(os.getpid())
    shortage.look()
    assert 0 < shortage.left_bytes <= shortage.reading.total_bytes
    assert shortage.headroom_bytes() == shortage.left_bytes


def test_a_client_that_is_gone_costs_nothing_but_its_groups() -> None:
    shortage = Shortage(2**22 - 1)
    shortage.look()
    assert shortage.left_bytes != 0


def test_each_client_has_a_look_of_its_own(host: Host, shortage: Shortage) -> None:
    make: Callable[[int], Shortage] = Shortage
    other = make(os.getpid())
    shortage.look()
    asked = host.asked
    other.look()
    assert host.asked > asked
