"""macOS's reading against a stand-in for its library: shapes and offsets only, since it never ran there."""

import ctypes
import sys

import pytest

from memguard.host import darwin

FIRST = 5_000_000  # above every pid of Linux, so that the stand-in's pids are nobody's here
MB = 1024 * 1024


class StandIn:
    """Answers like libproc: fills the caller's buffer, returns bytes or counts."""

    def __init__(self) -> None:
        self.infos: dict[int, bytes] = {}
        self.footprints_bytes: dict[int, int] = {}

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
        if buffer is not None:
            for index, pid in enumerate(self.infos):
                buffer[index] = pid
        return len(self.infos)

    def proc_pidinfo(
        self, pid: int, flavor: int, _argument: ctypes.c_uint64, buffer: ctypes.Array[ctypes.c_char], size: int
    ) -> int:
        assert (flavor, size) == (3, 136)
        ctypes.memmove(buffer, self.infos.get(pid, b""), len(self.infos.get(pid, b"")))
        return len(self.infos.get(pid, b""))

    def proc_pid_rusage(self, pid: int, flavor: int, buffer: ctypes.Array[ctypes.c_char]) -> int:
        assert (flavor, len(buffer)) == (4, 296)
        ctypes.memmove(ctypes.byref(buffer, 72), self.footprints_bytes[pid].to_bytes(8, sys.byteorder), 8)
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
