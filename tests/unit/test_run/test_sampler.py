"""The sampling thread: it looks, it can be stopped, and nobody notices it."""

import _thread
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from memguard.test_run.sampler import Sampler
from memguard.testing.waiting import wait_until


class Looks:
    """Counts the looks, and does as it is told in each."""

    def __init__(self) -> None:
        self.count = 0
        self.pause_s = 0.001
        self.errors: list[BaseException] = []

    def __call__(self) -> float:
        self.count += 1
        if self.errors:
            raise self.errors.pop()
        return self.pause_s


def wait_for(looks: Looks, count: int) -> None:
    wait_until(lambda: looks.count >= count, f"{count} looks")


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def sampler(looks: Looks) -> Iterator[Sampler]:
    sampler = Sampler(looks)
    yield sampler
    sampler.end()


def test_it_looks_until_its_end(sampler: Sampler, looks: Looks) -> None:
    sampler.begin()
    wait_for(looks, 4)
    sampler.end()
    count = looks.count
    sampler.end()
    assert looks.count == count


def test_its_end_does_not_wait_for_the_pause(sampler: Sampler, looks: Looks) -> None:
    looks.pause_s = 1000
    sampler.begin()
    wait_for(looks, 1)
    sampler.end()


def test_an_end_without_a_beginning_is_nothing(sampler: Sampler) -> None:
    sampler.end()


def test_it_can_begin_again(sampler: Sampler, looks: Looks) -> None:
    for _ in range(3):
        before = looks.count
        sampler.begin()
        wait_for(looks, before + 1)
        sampler.end()


def test_no_memory_for_one_look_is_not_the_last_look(sampler: Sampler, looks: Looks) -> None:
    looks.errors = [MemoryError(), MemoryError()]
    sampler.begin()
    wait_for(looks, 4)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("\x1b[2J"), RuntimeError("gone")])
def test_a_look_that_failed_is_not_the_last_and_is_said_once_at_the_end(
    sampler: Sampler, looks: Looks, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    looks.errors = [OSError("later"), error]
    sampler.begin()
    wait_for(looks, 4)
    assert capsys.readouterr().err == ""  # it would be the test's
    sampler.end()
    sampler.end()
    said = str(error).replace("\x1b", "?")
    line = f"memguard: memory was not looked at all the time: {type(error).__name__}: {said}\n"
    assert capsys.readouterr().err == line


def test_it_is_no_thread_of_the_tests(sampler: Sampler, looks: Looks) -> None:
    before = threading.active_count()
    traced: list[object] = []
    threading.settrace(lambda *words: traced.append(words))
    try:
        sampler.begin()
        wait_for(looks, 4)
    finally:
        threading.settrace(None)
    assert threading.active_count() == before
    assert traced == []


BLOCKED = """
import os, signal, threading
from memguard.test_run.sampler import Sampler
looked = threading.Event()
def look():
    looked.set()
    return 0.001
sampler = Sampler(look)
sampler.begin()
assert looked.wait(10)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.kill(os.getpid(), signal.SIGUSR1)
assert signal.SIGUSR1 in signal.sigpending()
assert signal.sigwait({signal.SIGUSR1}) == signal.SIGUSR1
sampler.end()
"""


def test_a_signal_that_a_test_has_blocked_waits_for_the_test() -> None:
    """By default SIGUSR1 ends the process, were our thread to take it; in one without the threads of other tests."""
    assert subprocess.run([sys.executable, "-c", BLOCKED], check=False, timeout=30).returncode == 0


def test_the_mask_of_who_starts_it_is_as_before(sampler: Sampler) -> None:
    before = signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR2})
    try:
        sampler.begin()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == {signal.SIGUSR2}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_where_no_thread_can_be_had_there_is_none(
    sampler: Sampler, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    sampler.begin()
    sampler.end()
    assert looks.count == 0
