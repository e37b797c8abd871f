"""A clock that stands still, for modules that ask the real one."""

from __future__ import annotations

import time

import pytest

from memguard.core import light_signal, pause
from memguard.core.layout import write_pairs
from memguard.core.pause import is_paused
from memguard.testing.fake_clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(utc_s=1_800_000_000.0)


def test_it_stands_still_until_it_is_told_to_go_on(clock: FakeClock) -> None:
    first = clock.monotonic(), clock.time(), clock.perf_counter(), clock.monotonic_ns(), clock.time_ns()
    assert first == (clock.monotonic(), clock.time(), clock.perf_counter(), clock.monotonic_ns(), clock.time_ns())
    clock.advance(2.5)
    assert clock.monotonic() == first[0] + 2.5
    assert clock.time() == first[1] + 2.5
    assert clock.monotonic_ns() == first[3] + 2_500_000_000
    assert clock.time_ns() == first[4] + 2_500_000_000


def test_sleeping_passes_the_time_at_once(clock: FakeClock) -> None:
    begun_s, really_s = clock.monotonic(), time.monotonic()
    clock.sleep(3600)
    assert clock.monotonic() - begun_s == 3600
    assert clock.slept_s == [3600]
    assert time.monotonic() - really_s < 60


def test_setting_the_time_of_day_passes_no_time(clock: FakeClock) -> None:
    begun_s = clock.monotonic()
    clock.adjust(-86400)
    assert (clock.time(), clock.monotonic()) == (1_800_000_000.0 - 86400, begun_s)


@pytest.mark.parametrize("how", ["advance", "sleep"])
def test_time_does_not_go_back(clock: FakeClock, how: str) -> None:
    with pytest.raises(ValueError, match="doesn't go back"):
        getattr(clock, how)(-1)


def test_dates_are_of_its_own_time(clock: FakeClock) -> None:
    assert clock.gmtime() == time.gmtime(1_800_000_000)
    assert clock.localtime() == time.localtime(1_800_000_000)
    assert clock.strftime("%Y-%m-%d", clock.gmtime()) == "2027-01-15"
    assert clock.strftime("%H:%M") == time.strftime("%H:%M", time.localtime(1_800_000_000))
    assert clock.gmtime(0).tm_year == 1970
    assert clock.clock_gettime(time.CLOCK_REALTIME) == clock.time()
    assert clock.clock_gettime(time.CLOCK_BOOTTIME) == clock.monotonic()
    assert clock.mktime is time.mktime


def test_a_module_goes_by_it_until_the_end_of_the_test(clock: FakeClock, tmp_path: object) -> None:
    guard, real = str(tmp_path), vars(pause)["time"]
    write_pairs(f"{guard}/pause", {"until_utc": clock.time() + 60})
    with pytest.MonkeyPatch.context() as patcher:
        clock.replace_in(patcher, pause)
        assert is_paused(guard, guard)
        clock.advance(61)
        assert not is_paused(guard, guard)
        assert time.time() != clock.time(), "nobody else's time is changed"
    assert vars(pause)["time"] is real


def test_a_module_whose_clock_can_not_be_replaced_is_named(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AttributeError, match="light_signal"):
        clock.replace_in(monkeypatch, light_signal)
