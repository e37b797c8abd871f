"""What peaked and was given back before anybody looked: the kernel's own mark."""

import mmap
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.test_run.high_water import HighWater
from memguard.test_run.own_status import OwnSize, OwnStatus

MB = 1024 * 1024


@pytest.fixture
def status() -> Iterator[OwnStatus]:
    status = OwnStatus()
    yield status
    status.close()


def now(status: OwnStatus) -> OwnSize:
    own = status.read()
    assert own is not None
    return own


def spike(size: int) -> None:
    """Memory that is taken, written to, and given back."""
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block[::4096] = b"1" * len(range(0, size, 4096))
    block.close()


def room_to_the_mark(status: OwnStatus) -> int:
    own = now(status)
    return own.high_bytes - own.resident_bytes


def test_a_peak_that_is_gone_is_known(status: OwnStatus) -> None:
    mark = HighWater()
    before = now(status)
    mark.begin(before)
    size = room_to_the_mark(status) + 50 * MB
    spike(size)
    after = now(status)
    assert after.size_bytes == pytest.approx(before.size_bytes, abs=MB)
    assert mark.peak_bytes(after) - before.size_bytes == pytest.approx(size, rel=0.05)


def test_a_test_below_the_mark_of_an_earlier_one_is_not_charged_with_it(status: OwnStatus) -> None:
    spike(room_to_the_mark(status) + 20 * MB)
    mark = HighWater()
    mark.begin(now(status))
    spike(5 * MB)
    assert mark.peak_bytes(now(status)) == 0


def test_a_mark_that_would_hide_a_limit_is_set_back(status: OwnStatus) -> None:
    spike(room_to_the_mark(status) + 60 * MB)
    mark = HighWater()
    before = now(status)
    mark.begin(before, 20 * MB)
    spike(30 * MB)
    assert mark.peak_bytes(now(status)) - before.size_bytes == pytest.approx(30 * MB, abs=2 * MB)


@pytest.mark.parametrize("limit_mb", [0, 500])
def test_a_mark_that_hides_no_limit_is_left_to_whoever_else_reads_it(status: OwnStatus, limit_mb: int) -> None:
    spike(room_to_the_mark(status) + 60 * MB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    HighWater().begin(now(status), limit_mb * MB)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >= before


def test_a_mapped_file_that_was_seen_is_not_held(status: OwnStatus, tmp_path: Path) -> None:
    path = tmp_path / "mapped"
    with path.open("wb") as made:
        os.posix_fallocate(made.fileno(), 0, room_to_the_mark(status) + 40 * MB)
    mark = HighWater()
    before = now(status)
    mark.begin(before)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as block:
        assert not any(block[::4096])
        mark.see(now(status))
    after = now(status)
    assert after.high_bytes > before.high_bytes
    assert mark.peak_bytes(after) < before.size_bytes + 5 * MB


def test_where_the_mark_can_not_be_set_back_it_is_taken_as_it_is(tmp_path: Path) -> None:
    mark = HighWater(str(tmp_path))
    mark.begin(OwnSize(10 * MB, 0, 10 * MB, 90 * MB), 20 * MB)
    assert mark.peak_bytes(OwnSize(10 * MB, 0, 10 * MB, 90 * MB)) == 0
    assert mark.peak_bytes(OwnSize(10 * MB, 4 * MB, 14 * MB, 95 * MB)) == 91 * MB
