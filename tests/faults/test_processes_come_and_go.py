"""Processes that vanish between being listed and being read, in great number; a host with thousands of them."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator

import pytest

from memguard.core.reading import MEASURED
from memguard.host import confirm, linux
from memguard.testing.fake_host import FakeHost
from tests.unit.host.workshop import Workshop

# Two that fork without end, children that end at once, and one that stays, holding something.
CHURN = """
import os, sys, time
if not os.fork():
    held = bytearray(b"x" * (21 * 1024 * 1024))
    print("ready", flush=True)
    time.sleep(600)
os.fork()
while True:
    pids = []
    for _ in range(3):
        pid = os.fork()
        if not pid:
            if not os.fork(): os._exit(0)
            os._exit(0)
        pids.append(pid)
    for pid in pids: os.waitpid(pid, 0)
"""
READINGS = 400


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()


def test_a_tree_that_changes_while_it_is_read(workshop: Workshop) -> None:
    """Who went is absent: never an error, a stranger, a process without its parent, or one of unknown size."""
    client = workshop.ready(CHURN)
    lengths, vanished = set(), 0
    for _ in range(READINGS):
        tree = linux.read_tree(client.pid)
        pids = [process.pid for process in tree.processes]
        assert pids[0] == client.pid
        assert len(set(pids)) == len(pids)
        assert all(process.parent_pid in pids for process in tree.processes[1:])
        assert {process.quality for process in tree.processes} == {MEASURED}
        assert tree.unreadable == 0
        assert max(process.footprint_bytes for process in tree.processes[1:]) > 20 * 1024 * 1024
        lengths.add(len(pids))
        vanished += any(linux.start_ticks(pid) == 0 for pid in pids)
    assert len(lengths) > 1
    assert vanished
    assert confirm.confirmed_bytes(tree) > 20 * 1024 * 1024


@pytest.fixture
def memory_folder() -> Iterator[str]:
    """Files in memory where the host has such a folder: a disk takes half a minute for them."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        yield folder


@pytest.mark.parametrize("with_children", [True, False])
def test_ten_thousand_processes_on_disk_take_ten_times_what_a_thousand_take(
    memory_folder: str, with_children: bool
) -> None:
    """A quadratic walk would take a hundred times as long; with and without the kernel's own lists of children."""
    times_s = [_best_time_s(f"{memory_folder}/{count}", count, with_children) for count in (1_000, 10_000)]
    assert times_s[1] < times_s[0] * 30


def _best_time_s(root: str, count: int, with_children: bool) -> float:
    """A client with ten tools, each with as many children as it takes, one in three of them gone already."""
    fake = FakeHost(root, with_children)
    tools = range(2, 12)
    fake.add(1, 0, children={1: list(tools)})
    families: dict[int, list[int]] = {tool: [] for tool in tools}
    for pid in range(12, count + 1):
        families[2 + pid % 10].append(pid)
        if pid % 3:
            fake.add(pid, 2 + pid % 10, anon_kb=1)
    for tool, family in families.items():
        fake.add(tool, 1, name=f"foo) Z {tool}", children={tool: family})
    living = 11 + sum(1 for pid in range(12, count + 1) if pid % 3)
    times_s = []
    for _ in range(3):
        begin_s = time.perf_counter()
        tree = linux.read_tree(1, fake.root)
        times_s.append(time.perf_counter() - begin_s)
        assert len(tree.processes) == living
        assert tree.unreadable == 0
    return min(times_s)
