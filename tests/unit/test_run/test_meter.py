"""The whole tree's footprint: this process, and real ones that it starts."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memguard.test_run.meter import NOBODY, Meter
from memguard.test_run.tree import Tree
from memguard.testing.fake_host import FakeHost

MB = 1024 * 1024
HOLDS = """
import sys
held = bytearray(int(sys.argv[1]) * 1024 * 1024)
for offset in range(0, len(held), 4096): held[offset] = 1
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def program(megabytes: int) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", HOLDS, str(megabytes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.communicate()


@contextmanager
def forked() -> Iterator[int]:
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        yield pid
    finally:
        os.close(writer)
        os.close(reader)
        os.waitpid(pid, 0)


@pytest.fixture
def meter() -> Iterator[Meter]:
    meter = Meter()
    meter.begin()
    yield meter
    meter.end()


def test_a_process_alone_is_read_as_such(meter: Meter) -> None:
    reading = meter.read()
    assert reading.others == NOBODY
    assert reading.size_bytes == pytest.approx(reading.own.size_bytes, abs=MB)
    assert [each.pid for each in meter.sizes(reading)] == [os.getpid()]


def test_what_it_starts_counts(meter: Meter) -> None:
    before = meter.read()
    with program(50) as pid:
        reading = meter.read()
        assert reading.size_bytes - before.size_bytes == pytest.approx(54 * MB, abs=5 * MB)
        assert [each for each, _ in reading.others.sizes] == [pid]
        sizes = {each.pid: each for each in meter.sizes(reading)}
        assert sizes[pid].size_bytes == pytest.approx(54 * MB, abs=5 * MB)
        assert sizes[pid].name.startswith("python")
        # The kernel keeps count of a process's pages in more than one way, and some of them lag behind.
        assert sum(each.size_bytes for each in sizes.values()) == pytest.approx(reading.size_bytes, abs=MB)
    assert meter.read().others == NOBODY


def test_a_border_sees_who_was_started_since_the_last_that_had_nobody(meter: Meter) -> None:
    """However long what others held at the last reading of them would count."""
    with program(1):
        meter.read()
    assert meter.read_border().others == NOBODY
    meter._fresh_until_s = time.monotonic() + 1000
    with program(50) as pid:
        assert [each for each, _ in meter.read_border().others.sizes] == [pid]


def test_the_largest_comes_first(meter: Meter) -> None:
    with program(1), program(9):
        sizes = [each.size_bytes for each in meter.sizes(meter.read())]
    assert sizes == sorted(sizes, reverse=True)


def test_what_a_fork_shares_counts_once(meter: Meter) -> None:
    block = bytearray(40 * MB)
    block[::4096] = b"1" * (40 * MB // 4096)
    before = meter.read()
    with forked():
        reading = meter.read()
        assert reading.footprint_bytes > 1.8 * before.size_bytes
        assert reading.size_bytes == pytest.approx(before.size_bytes, rel=0.1)
        confirmed = meter.read_confirmed()
        assert confirmed.is_confirmed
        assert confirmed.size_bytes == pytest.approx(before.size_bytes, rel=0.1)
    assert meter.read().size_bytes == pytest.approx(before.size_bytes, rel=0.1)


def test_at_a_border_others_may_be_a_moment_old(meter: Meter) -> None:
    with program(1):
        meter.read()
        meter._fresh_until_s = time.monotonic() + 1000
        with program(30) as late:
            stale = meter.read_border()
            assert late not in dict(stale.others.sizes)
            assert late in dict(meter.read_border(is_exact=True).others.sizes)
            meter._fresh_until_s = 0.0
            assert late in dict(meter.read_border().others.sizes)


def test_an_exact_border_looks_for_who_has_left_the_tree(meter: Meter) -> None:
    """However lately somebody looked."""
    strays = meter._tree._strays
    assert strays is not None
    strays._next_s = float("inf")
    code = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
    try:
        assert meter.read_border().others == NOBODY
        assert [each for each, _ in meter.read_border(is_exact=True).others.sizes] == [pid]
    finally:
        os.kill(pid, 9)


def test_when_the_last_child_has_ended_nothing_of_it_counts_at_a_border(meter: Meter) -> None:
    with program(30):
        meter.read()
        meter._fresh_until_s = time.monotonic() + 1000
    assert meter.read_border().others == NOBODY


def test_two_threads_may_read_at_once(meter: Meter) -> None:
    """As a border and the sampling thread do."""
    found: list[int] = []

    def read() -> None:
        for _ in range(50):
            found.append(meter.read().size_bytes)
            meter.read_border()

    with program(20):
        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 150
    assert max(found) - min(found) < 5 * MB


def test_a_peak_of_its_own_is_added_to_what_the_others_held(meter: Meter) -> None:
    with program(20):
        reading = meter.read()
        peak = meter.at_own_peak(reading, reading.own.size_bytes + 70 * MB, reading.others.added_bytes)
    assert peak.size_bytes - reading.size_bytes == 70 * MB
    assert not peak.is_confirmed


def test_what_can_not_be_read_for_a_moment_is_as_it_was(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    """No descriptor is left, or a test has put another file system in the place of `/proc`."""
    with program(30):
        before = meter.read()
        monkeypatch.setattr(Tree, "read", lambda *_: [])
        assert meter.read().others == before.others


def test_a_child_that_ended_while_nothing_could_be_read_is_not_held(
    meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with program(30):
        assert meter.read().others.sizes
        monkeypatch.setattr(Tree, "read", lambda *_: [])
    assert meter.read().others == NOBODY


def test_a_process_that_was_forked_off_a_larger_one_counts_its_share(meter: Meter) -> None:
    held = bytearray(b"1") * (60 * MB)
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        of_child = Meter()
        of_child.begin()
        os.write(writer, str(of_child.read().size_bytes).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    size_bytes = int(os.read(reader, 32))
    os.close(reader)
    os.close(writer)
    assert 30 * MB <= size_bytes < meter.read().size_bytes - 25 * MB
    del held


def test_where_nothing_can_be_read_everything_is_zero(tmp_path: Path) -> None:
    meter = Meter(str(tmp_path))
    meter.begin()
    assert meter.read().size_bytes == meter.read_border().size_bytes == meter.read_confirmed().size_bytes == 0
    meter.end()


def test_a_kernel_without_shares_confirms_nothing(tmp_path: Path) -> None:
    host = FakeHost(str(tmp_path / "proc"))
    host.add(os.getpid(), 1, anon_kb=100)
    host.add(4_000_001, os.getpid(), anon_kb=900)
    meter = Meter(host.root)
    meter.begin()
    with forked():  # so that there may be others
        reading = meter.read_confirmed()
    meter.end()
    assert (reading.size_bytes, reading.is_confirmed) == (1000 * 1024, False)


def test_a_name_shows_nothing_that_a_terminal_acts_on(tmp_path: Path) -> None:
    host = FakeHost(str(tmp_path / "proc"))
    host.add(os.getpid(), 1)
    host.write(f"{os.getpid()}/comm", "\x1b[2Jred\n")
    meter = Meter(host.root)
    assert [each.name for each in meter.sizes(meter.read())] == ["?[2Jred"]
    meter.end()
