"""Shared memory counts once when confirmed."""

import os
from pathlib import Path

from memguard.core.reading import ProcessReading, TreeReading
from memguard.host.confirm import confirmed_bytes, pss_bytes
from memguard.host.linux import read_tree
from memguard.testing.fake_host import FakeHost
from tests.sandbox import wait_until

from .workshop import Workshop

KB = 1024
MB = 1024 * 1024

SHARER = """
import mmap, os, time
held = mmap.mmap(-1, 40 * 1024 * 1024)
held.write(b"x" * len(held))
pids = []
for _ in range(3):
    pid = os.fork()
    if not pid:
        held.seek(0)
        sum(held[offset] for offset in range(0, len(held), 4096))
        os.write(1, b"ready\\n")
        time.sleep(600)
    pids.append(pid)
print(*pids, flush=True)
time.sleep(600)
"""


def test_memory_shared_by_four_counts_once(workshop: Workshop) -> None:
    process = workshop.start(SHARER)
    lines = [workshop.line(process) for _ in range(4)]
    for pid in next(line for line in lines if line != "ready").split():
        workshop.adopt(int(pid))
    tree = read_tree(process.pid)
    assert len(tree.processes) == 4
    assert tree.footprint_bytes > 160 * MB
    assert 40 * MB < confirmed_bytes(tree) < 80 * MB


# Started by posix_spawn, a child first opens what it was told to, still in its parent's memory: here a FIFO that
# nobody writes to, so that it stays there.
SPAWNER = """
import os, sys, threading, time
held = bytearray(60 * 1024 * 1024)
actions = [(os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)]
def spawn():
    os.posix_spawn("/bin/sleep", ["sleep", "600"], {}, file_actions=actions)

threading.Thread(target=spawn).start()
time.sleep(600)
"""
# One that has copied all of its parent's memory holds as much again.
COPIER = """
import os, time
held = bytearray(60 * 1024 * 1024)
pid = os.fork()
if not pid:
    held[:] = bytes(len(held))
print(pid or os.getpid(), flush=True)
time.sleep(600)
"""


def test_a_child_that_is_still_in_its_parents_memory_counts_nothing(workshop: Workshop, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = workshop.start(SPAWNER, str(fifo))
    wait_until(lambda: len(read_tree(process.pid).processes) == 2, "the child")
    tree = read_tree(process.pid)
    workshop.adopt(tree.processes[1].pid)
    assert tree.footprint_bytes > 120 * MB
    assert 60 * MB < confirmed_bytes(tree) < 80 * MB
    with fifo.open("w"):
        wait_until(lambda: read_tree(process.pid).footprint_bytes < 80 * MB, "the child's own program")
    assert 60 * MB < confirmed_bytes(read_tree(process.pid)) < 80 * MB


def test_a_fork_that_has_copied_its_parents_memory_counts_too(workshop: Workshop) -> None:
    process = workshop.start(COPIER)
    child = next(int(pid) for pid in (workshop.line(process), workshop.line(process)) if int(pid) != process.pid)
    workshop.adopt(child)
    assert 120 * MB < confirmed_bytes(read_tree(process.pid)) < 160 * MB


def test_share_is_anonymous_shared_and_swapped(fake: FakeHost) -> None:
    sizes_kb = {"Rss": 900, "Pss": 500, "Pss_Anon": 100, "Pss_File": 300, "Pss_Shmem": 20, "Swap": 80, "SwapPss": 3}
    lines = [f"{name}:      {size_kb} kB\n" for name, size_kb in sizes_kb.items()]
    fake.write("10/smaps_rollup", "[rollup]\n" + "".join(lines))
    assert pss_bytes(10, fake.root) == 123 * KB


def test_a_process_without_a_rollup_counts_by_its_footprint(fake: FakeHost) -> None:
    fake.write("10/smaps_rollup", "[rollup]\nPss_Anon: 100 kB\n")
    fake.write("11/smaps_rollup", "[rollup]\nPss: 100 kB\n")
    tree = TreeReading([ProcessReading(pid, 1, 1, 7 * KB) for pid in (10, 11, 12)])
    assert pss_bytes(11, fake.root) is None
    assert pss_bytes(12, fake.root) is None
    assert confirmed_bytes(tree, fake.root) == 114 * KB
