"""psutil's reading, run on Linux: the shape of trees is the same; the figure for Windows is not run here."""

import os
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from memguard.core.reading import ESTIMATED, MEASURED, UNREADABLE
from memguard.host import linux, portable

from .test_linux import HOLDER, STARTER
from .workshop import Workshop, until

MB = 1024 * 1024


def test_the_tree_has_the_shape_that_proc_shows(workshop: Workshop) -> None:
    client = workshop.start(STARTER)
    tools = [workshop.adopt(int(word)) for word in workshop.line(client).split()]
    expected = {(process.pid, process.parent_pid) for process in linux.read_tree(client.pid).processes}
    tree = portable.read_tree(client.pid)
    assert {(process.pid, process.parent_pid) for process in tree.processes} == expected
    assert tree.processes[0].pid == client.pid
    without = portable.read_tree(client.pid, leave_out=tools[0].pid)
    assert {process.pid for process in without.processes} == {pid for pid, _ in expected} - {tools[0].pid}


def test_a_process_has_a_start_and_a_size(workshop: Workshop) -> None:
    bare, full = (portable.read_process(workshop.ready(HOLDER, size).pid) for size in ("0", "50"))
    assert bare is not None
    assert full is not None
    assert abs(full.footprint_bytes - bare.footprint_bytes - 50 * MB) < 4 * MB
    assert portable.start_ticks(full.pid) == full.start_ticks > 1_600_000_000_000_000
    assert portable.parent_pid(full.pid) == os.getpid()
    assert portable.is_mine(full.pid)
    assert portable.scan()[full.pid].start_ticks == full.start_ticks


class StandIn:
    """A process as psutil on Windows shows it."""

    def __init__(self, memory: object) -> None:
        self._memory = memory

    def memory_info(self) -> object:
        if isinstance(self._memory, Exception):
            raise self._memory
        return self._memory


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (SimpleNamespace(private=7, rss=3, shared=1), (7, MEASURED)),
        (SimpleNamespace(rss=3, shared=1), (2, ESTIMATED)),
        (SimpleNamespace(rss=3), (3, ESTIMATED)),
        (psutil.AccessDenied(), (0, UNREADABLE)),
    ],
)
def test_private_commit_is_the_figure_where_there_is_one(memory: object, expected: tuple[int, str]) -> None:
    """FIXTURE: never run on Windows."""
    assert portable._footprint(cast("psutil.Process", StandIn(memory))) == expected


def test_the_hosts_memory() -> None:
    pressure = portable.read_pressure()
    assert 0 < pressure.available_bytes <= pressure.total_bytes == portable.capacity_bytes()
    assert 0 <= pressure.swap_free_bytes <= pressure.swap_total_bytes
    assert pressure.psi_full_avg10 == -1


def test_who_is_gone_is_nobody(workshop: Workshop) -> None:
    process = workshop.start("pass")
    until(lambda: portable.is_zombie(process.pid))
    assert portable.read_tree(process.pid).processes == []
    process.wait()
    assert portable.read_tree(process.pid).processes == []
    assert portable.read_process(process.pid) is None
    assert portable.start_ticks(process.pid) == 0
    assert portable.parent_pid(process.pid) == 0
    assert portable.command_name(process.pid) == ""
    assert not portable.is_mine(process.pid)
