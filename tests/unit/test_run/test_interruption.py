"""The exception that ends what the main thread does, where it may."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from memguard.test_run import interruption
from memguard.test_run.interruption import Interruption, MemoryLimitExceeded


@pytest.fixture
def begun() -> Iterator[Interruption]:
    made = Interruption()
    made.begin()
    yield made
    made.end()


def _soon(action: object, *words: object) -> threading.Thread:
    thread = threading.Thread(target=action, args=words)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_what_blocks_is_interrupted(begun: Interruption) -> None:
    began = time.monotonic()
    threading.Timer(0.05, begun.request, ("too much",)).start()
    with pytest.raises(MemoryLimitExceeded, match="too much"):
        time.sleep(30)
    assert time.monotonic() - began < 10


def test_what_was_wanted_of_a_test_is_not_done_to_the_next(
    begun: Interruption, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interruption, "_AGAIN_S", 0.05)
    threading.Timer(0.05, begun.request, ("too much",)).start()
    with pytest.raises(MemoryLimitExceeded):
        time.sleep(30)
    begun.forget()
    time.sleep(0.2)  # there is no condition to await: nothing is to happen
    signal.raise_signal(signal.SIGURG)


def test_a_request_of_the_main_thread_itself_raises_nothing(begun: Interruption) -> None:
    """A border found it: the report is failed instead."""
    begun.request("too much")


def test_who_caught_it_is_interrupted_again(begun: Interruption, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_AGAIN_S", 0.05)
    monkeypatch.setattr(interruption, "_TWICE_S", 0.01)
    threading.Timer(0.05, begun.request, ("too much",)).start()
    for _ in range(3):
        with pytest.raises(MemoryLimitExceeded):
            time.sleep(30)


def test_two_reasons_at_once_are_one() -> None:
    """The test passes the limit alone just when the controller says that the whole run has."""
    made = Interruption(lambda: "the controller says so")
    made.begin()
    try:
        for _ in range(2):
            with contextlib.suppress(MemoryLimitExceeded):
                signal.raise_signal(signal.SIGURG)
        signal.raise_signal(signal.SIGURG)
    finally:
        made.end()


@pytest.mark.parametrize("most_s", [10.0, 0.3])
def test_a_test_may_clean_up_but_not_for_ever(
    begun: Interruption, monkeypatch: pytest.MonkeyPatch, most_s: float
) -> None:
    monkeypatch.setattr(interruption, "_AGAIN_S", 0.05)
    monkeypatch.setattr(interruption, "_TWICE_S", 0.01)
    monkeypatch.setattr(interruption, "_CLEAN_UP_S", most_s)
    ended: list[bool] = []
    threading.Timer(0.05, begun.request, ("too much",)).start()

    def test() -> None:
        try:
            time.sleep(30)
        finally:
            time.sleep(1)
            ended.append(True)

    with pytest.raises(MemoryLimitExceeded):
        test()
    assert bool(ended) == (most_s > 1)


def test_a_signal_from_elsewhere_asks_why() -> None:
    reasons = ["", "the controller says so"]
    made = Interruption(lambda: reasons.pop(0))
    made.begin()
    try:
        signal.raise_signal(signal.SIGURG)
        with pytest.raises(MemoryLimitExceeded, match="the controller says so"):
            signal.raise_signal(signal.SIGURG)
    finally:
        made.end()


def test_a_run_around_it_still_gets_its_signals() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGURG, lambda number, _frame: heard.append(number))
    try:
        around = signal.getsignal(signal.SIGURG)
        made = Interruption()
        made.begin()
        signal.raise_signal(signal.SIGURG)
        made.end()
        assert signal.getsignal(signal.SIGURG) == around
        assert heard == [signal.SIGURG]
    finally:
        signal.signal(signal.SIGURG, before)


@pytest.mark.parametrize("missing", ["the signal", "a way to a thread"])
def test_where_the_system_has_none_of_it_nothing_happens(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Windows."""
    if missing == "the signal":
        monkeypatch.setattr(interruption, "_NUMBER", 0)
    else:
        monkeypatch.delattr(signal, "pthread_kill")
    before = signal.getsignal(signal.SIGURG)
    made = Interruption()
    made.begin()
    _soon(made.request, "too much").join()
    made.end()
    assert signal.getsignal(signal.SIGURG) == before


def test_pytest_in_another_thread_than_the_main_one_is_not_interrupted() -> None:
    ended: list[bool] = []

    def run() -> None:
        made = Interruption()
        made.begin()
        _soon(made.request, "too much").join()
        made.end()
        ended.append(True)

    _soon(run).join()
    assert ended == [True]
    assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
