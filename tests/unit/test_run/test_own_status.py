"""What this process holds, and how it moves: real memory, and a `status` as other kernels write it."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.host import linux
from memguard.test_run.own_status import OwnStatus, sizes_in

MB = 1024 * 1024
STATUS = b"""Name:\tpython
VmPeak:\t  900 kB
VmSize:\t  800 kB
VmHWM:\t  700 kB
VmRSS:\t  600 kB
RssAnon:\t  500 kB
RssFile:\t   60 kB
RssShmem:\t   40 kB
VmData:\t   11 kB
VmStk:\t   12 kB
VmExe:\t   13 kB
VmLib:\t   14 kB
VmPTE:\t   15 kB
VmSwap:\t    3 kB
Threads:\t2
"""


@pytest.fixture
def status() -> Iterator[OwnStatus]:
    status = OwnStatus()
    yield status
    status.close()


def held(status: OwnStatus) -> int:
    own = status.read()
    assert own is not None
    return own.size_bytes


def test_the_sizes_of_a_status() -> None:
    own = sizes_in(STATUS)
    assert own is not None
    assert (own.size_bytes, own.files_bytes) == (543 * 1024, 60 * 1024)
    assert (own.resident_bytes, own.high_bytes) == (600 * 1024, 700 * 1024)


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"Name:\tpython\n",
        STATUS[:150],
        STATUS.replace(b"RssShmem", b"RssOther"),
        STATUS.replace(b"VmSwap", b"VmOther"),
        STATUS.replace(b"500 kB", b"much kB"),
        STATUS.replace(b"VmHWM:\t  700 kB\n", b""),
    ],
)
def test_a_status_that_says_too_little_says_nothing(odd: bytes) -> None:
    assert sizes_in(odd) is None


def test_it_is_what_memguard_measures_of_any_process(status: OwnStatus) -> None:
    assert held(status) == pytest.approx(linux.footprint_bytes(os.getpid()), abs=MB)


def test_what_is_taken_and_given_back_is_seen(status: OwnStatus) -> None:
    before = held(status)
    block = mmap.mmap(-1, 30 * MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block[::4096] = b"1" * (30 * MB // 4096)
    assert held(status) - before == pytest.approx(30 * MB, abs=MB)
    block.close()
    assert held(status) == pytest.approx(before, abs=MB)


def test_a_little_growth_is_told_without_a_reading(status: OwnStatus) -> None:
    block = mmap.mmap(-1, MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    before = held(status)
    status.mark()
    block[: MB // 2 : 4096] = b"1" * (MB // 8192)
    moved = [status.moved_bytes(), status.moved_bytes()]
    assert moved == [pytest.approx(MB // 2, abs=MB // 8)] * 2
    assert before + (moved[0] or 0) == pytest.approx(held(status), abs=MB // 8)
    block.close()


def test_a_mapped_file_takes_a_reading(status: OwnStatus, tmp_path: Path) -> None:
    """It is resident, and in no footprint."""
    path = tmp_path / "mapped"
    path.write_bytes(b"1" * (MB // 2))
    before = held(status)
    status.mark()
    with path.open("rb") as file:
        block = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    assert block[::4096].count(b"1") == MB // 8192
    assert status.moved_bytes() is None
    assert held(status) == pytest.approx(before, abs=MB // 8)
    block.close()


def test_before_the_first_mark_nothing_is_known(status: OwnStatus) -> None:
    assert status.moved_bytes() is None


def test_another_files_text_is_no_size(status: OwnStatus, tmp_path: Path) -> None:
    """A test has closed what it found open, and its own files have the numbers."""
    (tmp_path / "theirs").write_bytes(b"7 words that are not numbers at all\n")
    status.mark()
    before = held(status)
    for kept in (status._status, status._statm):
        other = os.open(tmp_path / "theirs", os.O_RDONLY)
        os.dup2(other, kept._descriptor)
        os.close(other)
    assert status.moved_bytes() is None
    assert held(status) == pytest.approx(before, abs=MB)
    status.mark()
    assert status.moved_bytes() is not None


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    status = OwnStatus(str(tmp_path))
    status.mark()
    assert status.read() is None
    assert status.moved_bytes() is None
    status.close()
