"""Five processes that share 300 MB: over a limit by the sum of them, and not in truth. Swapped memory counts too."""

import os
import tempfile
from collections.abc import Iterator

import pytest

from memguard.core.reading import TreeReading
from memguard.host.confirm import confirmed_bytes
from memguard.host.linux import read_process, read_tree
from memguard.testing.fake_host import FakeHost

from .workshop import Workshop

MB = 1024 * 1024
SIZE = 300 * MB
BUDGET = 500 * MB
CHILDREN = 4  # and the first, which makes five

# Each child reads every page, so that it has it in its own page table, as a program that uses it would.
BY_FORK = """
import os, sys, time
held = bytearray(int(sys.argv[1]))
for offset in range(0, len(held), 4096): held[offset] = 1
"""
BY_FILE = """
import mmap, os, sys, time
with open(sys.argv[2], "r+b") as file: held = mmap.mmap(file.fileno(), int(sys.argv[1]))
for offset in range(0, len(held), 4096): held[offset] = 1
"""
CHILDREN_OF_IT = """
for _ in range(4):
    if not os.fork():
        sum(held[offset] for offset in range(0, len(held), 4096))
        os.write(1, b"ready\\n")
        time.sleep(600)
os.write(1, b"ready\\n")
time.sleep(600)
"""


def five(workshop: Workshop, code: str, *args: str) -> TreeReading:
    """The tree of five, once each has touched all that it shares."""
    process = workshop.start(code + CHILDREN_OF_IT, str(SIZE), *args)
    for _ in range(1 + CHILDREN):
        workshop.line(process)
    tree = read_tree(process.pid)
    for each in tree.processes:
        workshop.adopt(each.pid)
    assert len(tree.processes) == 1 + CHILDREN
    return tree


@pytest.fixture
def shared_file() -> Iterator[str]:
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("there is no shared memory here")
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.truncate(SIZE)
        yield file.name


def test_shared_by_fork(workshop: Workshop) -> None:
    tree = five(workshop, BY_FORK)
    assert tree.footprint_bytes > 1000 * MB
    assert SIZE < confirmed_bytes(tree) < BUDGET


def test_shared_by_a_file_in_memory(workshop: Workshop, shared_file: str) -> None:
    tree = five(workshop, BY_FILE, shared_file)
    assert tree.footprint_bytes > 1000 * MB
    assert SIZE < confirmed_bytes(tree) < BUDGET


def test_once_one_writes_to_its_share_it_holds_it_alone(workshop: Workshop) -> None:
    """What is under a budget by sharing is over it as soon as it isn't shared any more."""
    writer = CHILDREN_OF_IT.replace("sum(held[offset] for", "[held.__setitem__(offset, 2) for").replace(
        "4096))", "4096)]"
    )
    process = workshop.start(BY_FORK + writer, str(SIZE // 2))
    for _ in range(1 + CHILDREN):
        workshop.line(process)
    tree = read_tree(process.pid)
    for each in tree.processes:
        workshop.adopt(each.pid)
    assert confirmed_bytes(tree) > BUDGET


def test_swapped_memory_is_held_as_before(fake: FakeHost) -> None:
    """FIXTURE: the machine that this was written on has no swap."""
    fake.add(10, 1, anon_kb=300 * 1024, shmem_kb=100)
    resident = read_process(10, fake.root)
    fake.add(10, 1, anon_kb=1024, shmem_kb=100, swap_kb=299 * 1024)
    swapped = read_process(10, fake.root)
    assert resident is not None
    assert swapped is not None
    assert resident.footprint_bytes == swapped.footprint_bytes > 300 * MB
    fake.write(
        "10/smaps_rollup", "[rollup]\nPss_Anon: 1024 kB\nPss_Shmem: 20 kB\nSwap: 306176 kB\nSwapPss: 306176 kB\n"
    )
    assert confirmed_bytes(TreeReading([swapped]), fake.root) == 300 * MB + 20 * 1024
