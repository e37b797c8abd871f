"""macOS's reading against a stand-in for its library: shapes and offsets only, since it never ran there."""

import ctypes
import sys
from typing import Any, cast

import pytest

from memguard.core.reading import ESTIMATED, UNREADABLE
from memguard.host import darwin, pressure

FIRST = 5_000_000  # above every pid of Linux, so that the stand-in's pids are nobody's here
MB = 1024 * 1024


class StandIn:
    """Answers like libproc: fills the caller's buffer, returns bytes or counts."""

    def __init__(self) -> None:
        self.infos: dict[int, bytes] = {}
        self.footprints_bytes: dict[int, int] = {}
        self.residents_bytes: dict[int, int] = {}
        self.strangers: dict[int, int] = {}  # parent by pid
        self.sysctls: dict[bytes, bytes] = {}

    def add(self, pid: int, parent_pid: int, footprint_bytes: int = MB, status: int = 2, terminal: int = -1) -> None:
        info = bytearray(136)
        for offset, value in {4: status, 12: pid, 16: parent_pid, 100: pid, 108: terminal & 0xFFFFFFFF}.items():
            info[offset : offset + 4] = value.to_bytes(4, sys.byteorder)
        info[64:70] = b"claude"
        info[120:128] = (1_700_000_000).to_bytes(8, sys.byteorder)
        info[128:136] = pid.to_bytes(8, sys.byteorder)
        self.infos[pid] = bytes(info)
        self.footprints_bytes[pid] = footprint_bytes

    def proc_listallpids(self, buffer: ctypes.Array[ctypes.c_int32] | None, _size: int) -> int:
        pids = [*self.infos, *self.strangers]
        if buffer is not None:
            for index, pid in enumerate(pids):
                buffer[index] = pid
        return len(pids)

    def proc_pidinfo(
        self, pid: int, flavor: int, argument: ctypes.c_uint64, buffer: ctypes.Array[ctypes.c_char], size: int
    ) -> int:
        data = self._answer(pid, flavor, argument.value)
        assert len(data) in (0, size)
        ctypes.memmove(buffer, data, len(data))
        return len(data)

    def _answer(self, pid: int, flavor: int, argument: int) -> bytes:
        if flavor == 4:
            size = self.residents_bytes.get(pid)
            return bytes(8) + size.to_bytes(8, sys.byteorder) + bytes(80) if size is not None else b""
        assert argument == 1
        if flavor == 13 and pid in self.strangers:
            parent_pid = self.strangers[pid]
            return pid.to_bytes(4, sys.byteorder) + parent_pid.to_bytes(4, sys.byteorder) + bytes(56)
        return self.infos.get(pid, b"") if flavor == 3 else b""

    def proc_pid_rusage(self, pid: int, flavor: int, buffer: ctypes.Array[ctypes.c_char]) -> int:
        assert (flavor, len(buffer)) == (4, 296)
        if pid not in self.footprints_bytes:
            return -1
        ctypes.memmove(ctypes.byref(buffer, 72), self.footprints_bytes[pid].to_bytes(8, sys.byteorder), 8)
        return 0

    def sysctlbyname(
        self, name: bytes, buffer: ctypes.Array[ctypes.c_char], size: object, _new: None, _new_size: ctypes.c_size_t
    ) -> int:
        data = self.sysctls.get(name)
        if data is None:
            return -1
        ctypes.memmove(buffer, data, len(data))
        cast("Any", size)._obj.value = len(data)
        return 0


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    library = StandIn()
    monkeypatch.setitem(darwin._loaded, "libproc", library)
    return library


def test_the_tree_is_the_client_and_its_descendants(library: StandIn) -> None:
    for pid, parent_pid in {0: -1, 1: 0, 2: 1, 3: 0, 4: 3, 9: -1}.items():
        library.add(FIRST + pid, FIRST + parent_pid, (pid + 1) * MB)
    tree = darwin.read_tree(FIRST, leave_out=FIRST + 3)
    assert [process.pid - FIRST for process in tree.processes] == [0, 1, 2]
    assert tree.footprint_bytes == 6 * MB
    assert tree.processes[1].start_ticks == 1_700_000_000_000_000 + FIRST + 1


def test_the_facts_of_one(library: StandIn) -> None:
    library.add(FIRST, 1, terminal=268435457)
    library.add(FIRST + 1, 1, status=5)
    assert darwin.parent_pid(FIRST) == 1
    assert darwin.command_name(FIRST) == "claude"
    assert (darwin.terminal_number(FIRST), darwin.terminal_number(FIRST + 1)) == (268435457, 0)
    assert (darwin.is_zombie(FIRST), darwin.is_zombie(FIRST + 1)) == (False, True)
    assert darwin.read_tree(FIRST + 1).processes == []


def test_who_is_gone_is_nobody(library: StandIn) -> None:
    assert library.infos == {}
    assert darwin.read_tree(FIRST).processes == []
    assert darwin.read_process(FIRST) is None
    assert darwin.start_ticks(FIRST) == 0
    assert not darwin.is_mine(FIRST)
    assert darwin.command_name(FIRST) == ""


def test_a_refused_footprint_is_what_is_resident_or_unreadable(library: StandIn) -> None:
    for pid in (FIRST, FIRST + 1, FIRST + 2):
        library.add(pid, FIRST)
    del library.footprints_bytes[FIRST + 1], library.footprints_bytes[FIRST + 2]
    library.residents_bytes[FIRST + 1] = 3 * MB
    tree = darwin.read_tree(FIRST)
    assert [(each.footprint_bytes, each.quality) for each in tree.processes[1:]] == [
        (3 * MB, ESTIMATED),
        (0, UNREADABLE),
    ]
    assert tree.unreadable == 1
    assert not tree.is_blind


def test_another_users_process_in_the_tree_is_hidden_and_what_it_started_counts(library: StandIn) -> None:
    library.add(FIRST, 1)
    library.add(FIRST + 2, FIRST + 1)
    library.strangers = {FIRST + 1: FIRST, FIRST + 9: 1}
    tree = darwin.read_tree(FIRST)
    assert [process.pid - FIRST for process in tree.processes] == [0, 2]
    assert tree.hidden == 1
    assert darwin.read_tree(FIRST + 1).is_blind


def test_the_hosts_memory(library: StandIn) -> None:
    assert not pressure.is_host_short(darwin.read_pressure())
    library.sysctls = {
        b"hw.memsize": (1000 * MB).to_bytes(8, sys.byteorder),
        b"kern.memorystatus_level": (4).to_bytes(4, sys.byteorder),
        b"vm.swapusage": b"".join(size.to_bytes(8, sys.byteorder) for size in (70, 30, 40)) + bytes(8),
    }
    reading = darwin.read_pressure()
    assert (reading.total_bytes, reading.available_bytes) == (1000 * MB, 40 * MB)
    assert (reading.swap_total_bytes, reading.swap_free_bytes) == (70, 30)
    assert pressure.is_host_short(reading)
