"""What a process holds where its `status` doesn't say; that it is there although nothing says so."""

import os

import pytest

from memguard.core.reading import ESTIMATED, MEASURED, UNREADABLE, ProcessReading, TreeReading
from memguard.host import linux
from memguard.host.linux_fallback import is_hidden
from memguard.testing.fake_host import FakeHost

from .workshop import Workshop

KB = 1024
PAGE = os.sysconf("SC_PAGE_SIZE")
ROLLUP = "[rollup]\nRss: 900 kB\nPss_Shmem: 20 kB\nAnonymous: 100 kB\nSwap: 3 kB\nSwapPss: 1 kB\n"


@pytest.fixture
def poor(fake: FakeHost) -> FakeHost:
    """A process of a kernel that tells resident memory only as a whole, with a child that is read as usual."""
    fake.add(10, 1, children={10: [20]})
    fake.write("10/status", "Name:\tx\nVmRSS:\t 900 kB\nVmSwap:\t 4 kB\n")
    fake.add(20, 10, anon_kb=1)
    return fake


def read(fake: FakeHost) -> ProcessReading:
    """The process as each way of reading shows it: all must agree."""
    reading = linux.read_process(10, fake.root)
    tree = linux.read_tree(10, fake.root)
    assert reading is not None
    assert [(each.pid, each.quality) for each in tree.processes] == [(10, reading.quality), (20, MEASURED)]
    assert tree.client_bytes == reading.footprint_bytes == linux.walk(10, fake.root)[0][3]
    assert tree.footprint_bytes == reading.footprint_bytes + KB
    return reading


def test_the_rollup_comes_next(poor: FakeHost) -> None:
    poor.write("10/smaps_rollup", ROLLUP)
    poor.write("10/statm", "9000 300 120 1 0 1 0\n")
    reading = read(poor)
    assert (reading.footprint_bytes, reading.quality) == (123 * KB, MEASURED)


def test_resident_less_shared_is_an_estimate(poor: FakeHost) -> None:
    poor.write("10/statm", "9000 300 120 1 0 1 0\n")
    reading = read(poor)
    assert (reading.footprint_bytes, reading.quality) == (180 * PAGE + 4 * KB, ESTIMATED)
    assert reading.is_estimated
    assert linux.read_tree(10, poor.root).is_estimated


def test_without_any_status_too(poor: FakeHost) -> None:
    os.remove(f"{poor.root}/10/status")
    poor.write("10/statm", "9000 300 120 1 0 1 0\n")
    assert read(poor).footprint_bytes == 180 * PAGE


@pytest.mark.parametrize("text", ["", "1 2\n", "1 x y\n", "1 -5 -9\n"])
def test_where_nothing_says_it_the_size_is_unknown_not_zero(poor: FakeHost, text: str) -> None:
    poor.write("10/statm", text)
    assert read(poor).quality == UNREADABLE
    tree = linux.read_tree(10, poor.root)
    assert tree.unreadable == 1
    assert tree.is_blind


def test_a_part_of_unknown_size_is_counted_and_does_not_blind(fake: FakeHost) -> None:
    fake.add(10, 1, children={10: [20]})
    fake.write("20/stat", f"20 (x) S 10 {'0 ' * 17}7 0\n")
    tree = linux.read_tree(10, fake.root)
    assert [process.quality for process in tree.processes] == [MEASURED, UNREADABLE]
    assert tree.unreadable == 1
    assert not tree.is_blind


def test_a_process_that_went_meanwhile_is_not_of_unknown_size(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its `stat` was read, and is gone with all the rest when the next file is opened."""
    fake.add(10, 1, children={10: [20]})
    fake.add(20, 10)
    opened: list[str] = []
    real_open = os.open

    def open_unless_gone(path: str, flags: int, *more: int) -> int:
        if path.startswith(f"{fake.root}/20/"):
            opened.append(path)
            if len(opened) > 1:
                raise FileNotFoundError(path)
        return real_open(path, flags, *more)

    monkeypatch.setattr(os, "open", open_unless_gone)
    tree = linux.read_tree(10, fake.root)
    assert [process.pid for process in tree.processes] == [10]
    assert tree.unreadable == 0
    assert len(opened) > 2


def test_a_file_that_ends_while_it_is_read_is_a_vanished_process(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.add(10, 1)

    def read_nothing(_descriptor: int, _most: int) -> bytes:
        raise ProcessLookupError

    monkeypatch.setattr(os, "read", read_nothing)
    assert linux.read_process(10, fake.root) is None
    assert linux.walk(10, fake.root) == []


def test_who_lives_and_is_shown_is_not_hidden(workshop: Workshop) -> None:
    process = workshop.start("pass")
    assert not is_hidden(process.pid, "/proc")
    process.wait()
    assert not is_hidden(process.pid, "/proc")
    assert not is_hidden(os.getpid(), "/proc")


def test_what_the_kernel_knows_of_a_pid_says_nothing_about_another_proc(fake: FakeHost) -> None:
    assert not is_hidden(os.getpid(), fake.root)
    fake.write("self/stat", "")
    assert not is_hidden(os.getpid(), fake.root)


def test_a_tree_of_nobody_is_neither_blind_nor_unreadable() -> None:
    assert (TreeReading([]).unreadable, TreeReading([]).is_blind) == (0, False)
    assert TreeReading([], hidden=1).is_blind
