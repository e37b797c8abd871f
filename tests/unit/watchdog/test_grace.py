"""The grace between SIGTERM and SIGKILL."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from memguard.host.signals import send
from memguard.watchdog.grace import await_end
from tests.unit.host.workshop import Workshop, gone

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def shop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()


def test_who_ends_is_waited_for_and_no_longer(shop: Workshop) -> None:
    found = [shop.ready(SLEEPER) for _ in range(3)]
    for who in found:
        send(who, signal.SIGTERM)
    begun_s = time.monotonic()
    assert await_end(found, 60, 1, lambda: 0)
    assert time.monotonic() - begun_s < 30
    assert all(gone(who) for who in found)


def test_nobody_to_wait_for_is_an_end() -> None:
    assert await_end([], 0, 1, lambda: 5)


def test_who_does_not_end_is_given_the_whole_grace(shop: Workshop) -> None:
    deaf = shop.ready(DEAF)
    send(deaf, signal.SIGTERM)
    begun_s = time.monotonic()
    assert not await_end([deaf], 0.2, 100, lambda: 99)
    assert time.monotonic() - begun_s >= 0.2
    assert not gone(deaf)


def test_growth_ends_the_grace_at_the_first_reading_that_shows_it(shop: Workshop) -> None:
    deaf = shop.ready(DEAF)
    sizes = iter([100, 104, 105, 10**9])
    assert not await_end([deaf], 60, 105, lambda: next(sizes))
    assert next(sizes) == 10**9, "it was not asked again"


def test_one_of_several_that_does_not_end_is_enough_to_say_no(shop: Workshop) -> None:
    found = [shop.ready(SLEEPER), shop.ready(DEAF)]
    for who in found:
        send(who, signal.SIGTERM)
    assert not await_end(found, 0.3, 100, lambda: 0)
    assert [gone(who) for who in found] == [True, False]


def test_without_a_grace_the_dead_are_seen_all_the_same(shop: Workshop) -> None:
    who = shop.ready(SLEEPER)
    os.kill(who.pid, signal.SIGKILL)
    assert await_end([who], 60, 1, lambda: 0)
    assert await_end([who], 0, 1, lambda: 0)
