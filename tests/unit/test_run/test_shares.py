"""What processes share counts once: acted on a `/proc` on disk, and by real ones."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memguard.host import linux
from memguard.test_run import shares as module
from memguard.test_run.shares import Shares, is_on_loan
from memguard.testing.fake_host import FakeHost

MB = 1024 * 1024
KB = 1024


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    host = FakeHost(str(tmp_path / "proc"))
    host.add(10, 1, anon_kb=100, pss_kb=100)
    return host


def sizes(shares: Shares, host: FakeHost) -> list[int]:
    return [size // KB for size in shares.sizes_bytes(linux.walk(10, host.root))]


def test_what_a_child_shares_is_taken_off_both(host: FakeHost) -> None:
    shares = Shares(host.root)
    assert sizes(shares, host) == [100]
    host.change(10, pss_kb=55)
    host.add(20, 10, anon_kb=100, pss_kb=55)
    assert sizes(shares, host) == [55, 55]


def test_what_it_takes_later_is_its_own(host: FakeHost) -> None:
    shares = Shares(host.root)
    host.add(20, 10, anon_kb=100, pss_kb=60)
    assert sizes(shares, host) == [100, 60]
    shares._next_s = float("inf")
    host.change(20, anon_kb=500, pss_kb=460)
    assert sizes(shares, host) == [100, 460]


def test_a_process_that_runs_another_program_by_now_is_measured_anew(host: FakeHost) -> None:
    shares = Shares(host.root)
    host.add(20, 10, anon_kb=100, pss_kb=10)
    assert sizes(shares, host)[1] == 10
    shares._next_s = float("inf")
    host.change(20, anon_kb=70, pss_kb=70)
    assert sizes(shares, host)[1] == 70


def test_shared_memory_that_is_filled_later_is_noticed(host: FakeHost) -> None:
    host.add(20, 10, anon_kb=100, pss_kb=100)
    shares = Shares(host.root)
    assert sizes(shares, host) == [100, 100]
    for pid in (10, 20):
        host.change(pid, shmem_kb=400, pss_kb=300)
    shares._next_s = 0.0
    assert sizes(shares, host) == [300, 300]


def test_looking_again_is_not_repeated_at_once(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def half(pid: int, _proc: str) -> int:
        asked.append(pid)
        return 50 * KB

    monkeypatch.setattr(module, "pss_bytes", half)
    host.add(20, 10, anon_kb=100)
    shares = Shares(host.root)
    sizes(shares, host)
    first = len(asked)
    shares._next_s = float("inf")
    sizes(shares, host)
    assert len(asked) == first
    shares._next_s = 0.0
    sizes(shares, host)
    assert asked[first:] == [10, 20]


def test_who_vanished_before_its_share_was_read_held_nothing(host: FakeHost) -> None:
    host.add(20, 10, anon_kb=100)
    processes = linux.walk(10, host.root)
    host.end(20)
    assert Shares(host.root).sizes_bytes(processes) == [100 * KB, 0]


def test_a_share_that_the_kernel_does_not_give_takes_nothing_off(host: FakeHost) -> None:
    host.add(20, 10, anon_kb=100)
    assert sizes(Shares(host.root), host) == [100, 100]


def test_what_was_given_back_between_two_reads_is_not_taken_for_shared(host: FakeHost) -> None:
    host.add(20, 10, anon_kb=100, pss_kb=20)
    processes = linux.walk(10, host.root)
    host.change(20, anon_kb=20)
    shares = Shares(host.root)
    assert shares.sizes_bytes(processes)[1] == 20 * KB
    host.change(20, anon_kb=90, pss_kb=90)
    assert sizes(shares, host)[1] == 90


FORKS = """
import os, sys
held = bytearray(60 * 1024 * 1024)
for offset in range(0, len(held), 4096): held[offset] = 1
if not os.fork():
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
os.wait()
"""
# The program is opened by the child before it is loaded, for as long as nobody writes.
SPAWNS = """
import os, sys
held = bytearray(60 * 1024 * 1024)
for offset in range(0, len(held), 4096): held[offset] = 1
print("ready", flush=True)
opened = [(os.POSIX_SPAWN_OPEN, 5, sys.argv[1], os.O_RDONLY, 0)]
os.waitpid(os.posix_spawn("/bin/true", ["true"], {}, file_actions=opened), 0)
"""


@contextmanager
def running(code: str, *words: str) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.communicate()


def test_a_real_fork_counts_once() -> None:
    with running(FORKS) as pid:
        processes = linux.walk(pid)
        assert len(processes) == 2
        assert sum(process[3] for process in processes) > 120 * MB
        assert sum(Shares().sizes_bytes(processes)) == pytest.approx(64 * MB, abs=8 * MB)


def test_a_child_that_is_on_loan_until_its_program_is_loaded_holds_nothing(tmp_path: Path) -> None:
    """`vfork`: the parent's memory itself, so that no share tells."""
    gate = str(tmp_path / "gate")
    os.mkfifo(gate)
    with running(SPAWNS, gate) as pid:
        while len(processes := linux.walk(pid)) < 2:
            pass
        shares = Shares()
        try:
            assert is_on_loan(processes[1])
            assert not is_on_loan(processes[0])
            assert processes[1][3] > 60 * MB
            for _ in range(2):
                assert shares.sizes_bytes(processes) == [pytest.approx(processes[0][3], abs=MB), 0]
        finally:
            os.close(os.open(gate, os.O_WRONLY))
