"""One mark, one worker: who is to start it, and whose mark counts no more."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from memguard.core.capture_mark import NO_TURN, claim, name_worker, wanted_turn
from memguard.core.identity import ProcessId
from memguard.host import identity

GONE = ProcessId(2**22 + 1, 7, "00000000-0000-0000-0000-000000000000", "1")


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "capture-wanted-s"


def _claim(mark: Path, turn_bytes: int = NO_TURN, *, is_alive: bool = True) -> bool:
    """Whether the caller is to start a worker."""
    descriptor = claim(str(mark), turn_bytes, lambda _: is_alive)
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0


def _claim_for(mark: Path, worker: ProcessId) -> None:
    descriptor = claim(str(mark), NO_TURN, identity.is_alive)
    name_worker(descriptor, worker)
    os.close(descriptor)


def _age(mark: Path, seconds: float) -> None:
    """As if it had been made so long ago."""
    lines = mark.read_text().splitlines()
    mark.write_text("\n".join([f"begun={time.time() - seconds:014.3f}", *lines[1:], ""]))


def test_the_first_starts_a_worker_and_nobody_else_until_it_reads(mark: Path) -> None:
    assert _claim(mark)
    assert not _claim(mark)
    assert not _claim(mark)
    mark.unlink()
    assert _claim(mark)


def test_a_mark_that_was_made_this_very_moment_holds(mark: Path) -> None:
    """Its time is rounded to a millisecond, so it may lie in the future."""
    for _ in range(200):
        assert _claim(mark)
        assert not _claim(mark)
        mark.unlink()


def test_a_mark_is_for_its_owner_alone(mark: Path) -> None:
    assert _claim(mark)
    assert mark.stat().st_mode & 0o777 == 0o600


def test_a_living_workers_mark_holds_for_a_minute(mark: Path) -> None:
    _claim_for(mark, identity.process_id(os.getpid(), 1))
    _age(mark, 55)
    assert not _claim(mark)
    _age(mark, 61)
    assert _claim(mark)


def test_a_dead_workers_mark_is_taken_over_at_once(mark: Path) -> None:
    _claim_for(mark, GONE)
    assert _claim(mark, is_alive=False)
    assert not _claim(mark, is_alive=False)  # it is fresh again, and a worker is being started


def test_a_mark_that_no_worker_has_signed_holds_for_five_seconds(mark: Path) -> None:
    assert _claim(mark)
    _age(mark, 4)
    assert not _claim(mark)
    _age(mark, 6)
    assert _claim(mark)


def test_a_clock_that_was_set_back_holds_nothing_up(mark: Path) -> None:
    assert _claim(mark)
    _age(mark, -3600)
    assert _claim(mark)


@pytest.mark.parametrize("content", [b"", b"begun=x\nturn=y\nworker=z\n", b"\0" * 4096, b"\xff\n=\n"])
def test_a_torn_mark_holds_for_as_long_as_one_without_a_worker(mark: Path, content: bytes) -> None:
    mark.write_bytes(content)
    assert wanted_turn(str(mark)) == NO_TURN
    assert not _claim(mark)
    mark.write_bytes(content)
    os.utime(mark, (time.time() - 6, time.time() - 6))
    assert _claim(mark)


def _try(path: str, gate: str, answers: multiprocessing.SimpleQueue[bool]) -> None:
    while not Path(gate).exists():
        time.sleep(0.002)
    answers.put(claim(path, NO_TURN, lambda _: False) >= 0)


@pytest.mark.parametrize("is_abandoned", [False, True])
def test_of_many_at_once_one_starts_a_worker(mark: Path, is_abandoned: bool) -> None:
    if is_abandoned:
        _claim_for(mark, GONE)
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.SimpleQueue[bool] = context.SimpleQueue()
    gate = mark.with_name("gate")
    workers = [context.Process(target=_try, args=(str(mark), str(gate), answers)) for _ in range(20)]
    for worker in workers:
        worker.start()
    gate.touch()
    for worker in workers:
        worker.join()
    assert sum(answers.get() for _ in workers) == 1


def test_the_worker_learns_of_a_turn_that_ended_after_it_was_started(mark: Path) -> None:
    assert _claim(mark)
    assert wanted_turn(str(mark)) == NO_TURN
    assert not _claim(mark, 507)
    assert wanted_turn(str(mark)) == 507
    assert not _claim(mark)  # an event that ends no turn says nothing of one
    assert wanted_turn(str(mark)) == 507
    assert not _claim(mark, 10**15)
    assert wanted_turn(str(mark)) == 10**15


def test_the_workers_name_stays_when_a_turn_is_told(mark: Path) -> None:
    _claim_for(mark, GONE)
    assert not _claim(mark, 507)
    assert mark.read_text().endswith(f"\nworker={GONE.to_text()}\n")


def test_a_turn_that_comes_as_the_worker_takes_the_mark_is_the_next_ones(mark: Path) -> None:
    """Between finding the mark and telling it of the turn, its worker begins to read."""
    _claim_for(mark, GONE)

    def taken(_: ProcessId) -> bool:
        mark.unlink(missing_ok=True)
        return True

    descriptor = claim(str(mark), 507, taken)
    assert descriptor >= 0
    os.close(descriptor)
    assert wanted_turn(str(mark)) == 507


def test_without_a_mark_no_turn_is_wanted(mark: Path) -> None:
    assert wanted_turn(str(mark)) == NO_TURN


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_what_is_no_plain_file_is_an_error_and_nothing_is_waited_for(mark: Path, kind: str) -> None:
    target = mark.with_name("target")
    target.write_text("theirs")
    if kind == "link":
        mark.symlink_to(target)
    elif kind == "folder":
        mark.mkdir()
    else:
        os.mkfifo(mark)
    with pytest.raises(OSError):  # noqa: PT011  -- which one is the system's choice
        claim(str(mark), 1, lambda _: False)
    assert target.read_text() == "theirs"
