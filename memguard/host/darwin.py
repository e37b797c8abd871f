"""A process tree as macOS shows it by libproc. FIXTURE ONLY: tested against a stand-in library, never run on macOS.

The offsets are those of `struct proc_bsdinfo` (136 bytes), `struct proc_bsdshortinfo` (64), `struct proc_taskinfo` (96)
and `struct rusage_info_v4` (296) in Apple's `sys/proc_info.h` and `sys/resource.h`. Start times are microseconds since
1970, not ticks since boot, but raw all the same: equal for as long as a process lives.

The kernel answers all but the short info for processes of one's own effective uid alone (`proc_security_policy` in
`bsd/kern/proc_info.c`). So one that runs as another user (`sudo`) has no size, and is counted as hidden.

`proc_listchildpids` would be cheaper, but is known to leave children out; so all processes are listed, and who
descends from the client is found by their parents.
"""

import ctypes
import os
import sys

from memguard.core.errors import HostError
from memguard.core.reading import ESTIMATED, MEASURED, UNREADABLE, Pressure, ProcessReading, TreeReading
from memguard.host.table import Row

_TBSDINFO, _TBSDINFO_BYTES = 3, 136
_TASKINFO, _TASKINFO_BYTES, _RESIDENT = 4, 96, 8
_SHORTBSDINFO, _SHORTBSDINFO_BYTES, _SHORT_PARENT = 13, 64, 4
# The argument of `proc_pidinfo` that makes it answer for zombies too.
_ZOMBIES_TOO = 1
_STATUS, _PARENT, _UID, _REAL_UID, _SAVED_UID, _NAME, _GROUP, _TERMINAL, _START_S, _START_US = (
    4, 16, 20, 28, 36, 64, 100, 108, 120, 128,
)  # fmt: skip
_ZOMBIE = 5
_NO_TERMINAL = 0xFFFFFFFF
_RUSAGE_V4, _RUSAGE_V4_BYTES, _PHYS_FOOTPRINT = 4, 296, 72
# Room for processes that start between the question how many there are and the list itself.
_SPARE_PIDS = 64

_loaded: dict[str, ctypes.CDLL] = {}


def read_tree(client_pid: int, _proc: str = "", leave_out: int = 0) -> TreeReading:
    """Read the client (first) and all its descendants, without `leave_out` and what it started; empty when gone."""
    pids = _all_pids()
    infos = {pid: _bsd_info(pid) for pid in pids}
    table = {pid: _row(pid, info) for pid, info in infos.items() if info}
    if client_pid not in table or table[client_pid].ended:
        return TreeReading([], hidden=int(client_pid in infos and client_pid not in table))
    children: dict[int, list[int]] = {}
    for pid in pids:
        children.setdefault(table[pid].parent_pid if pid in table else _parent_of_hidden(pid), []).append(pid)
    readings, hidden, queue, seen = [], 0, [client_pid], {leave_out}
    for pid in queue:  # it grows while it is walked; `seen` ends a loop
        if pid not in seen:
            seen.add(pid)
            if pid in table:
                readings.append(_reading(table[pid]))
            else:
                hidden += 1
            queue += children.get(pid, ())
    return TreeReading(readings, hidden)


def read_process(pid: int, _proc: str = "") -> ProcessReading | None:
    """One process alone; None when it is gone or another user's."""
    info = _bsd_info(pid)
    return _reading(_row(pid, info)) if info else None


def start_ticks(pid: int, _proc: str = "") -> int:
    """When a process started, in microseconds since 1970; 0 when it is gone."""
    info = _bsd_info(pid)
    return _start_us(info) if info else 0


def parent_pid(pid: int, _proc: str = "") -> int:
    """The parent's pid; 0 when the process is gone."""
    info = _bsd_info(pid)
    return _word(info, _PARENT) if info else 0


def is_zombie(pid: int, _proc: str = "") -> bool:
    """Whether a process has ended and only waits to be reaped by its parent."""
    info = _bsd_info(pid)
    return bool(info) and _word(info, _STATUS) == _ZOMBIE


def is_mine(pid: int, _proc: str = "") -> bool:
    """Whether a process runs as this user: effective, real and saved uid. False when it is gone."""
    info = _bsd_info(pid)
    return bool(info) and {_word(info, offset) for offset in (_UID, _REAL_UID, _SAVED_UID)} == {os.geteuid()}


def command_name(pid: int, _proc: str = "") -> str:
    """The name as the process chose it: hostile text. Empty when it is gone."""
    return _bsd_info(pid)[_NAME : _NAME + 32].partition(b"\0")[0].decode("utf-8", "replace")


def terminal_number(pid: int, _proc: str = "") -> int:
    """The device number of the controlling terminal; 0 where there is none."""
    info = _bsd_info(pid)
    return _row(pid, info).terminal if info else 0


def scan(_proc: str = "") -> dict[int, Row]:
    """Every process by pid, as far as this user may see it."""
    infos = {pid: _bsd_info(pid) for pid in _all_pids()}
    return {pid: _row(pid, info) for pid, info in infos.items() if info}


def boot_id(_proc: str = "") -> str:
    """The id that the kernel makes at each boot. Raises HostError where there is none."""
    data = _sysctl(b"kern.bootsessionuuid", 64).partition(b"\0")[0].decode("ascii", "replace")
    if not data:
        raise HostError("this system shows no boot id", "report the version of macOS to memguard's issues")
    return data


def pid_namespace(_proc: str = "") -> str:
    """The pid namespace: macOS has but one."""
    return "0"


def capacity_bytes(_proc: str = "") -> int:
    """RAM of the host; 0 where it doesn't say."""
    return int.from_bytes(_sysctl(b"hw.memsize", 8), sys.byteorder)


def read_pressure(_proc: str = "") -> Pressure:
    """The memory of the host; macOS has no PSI. `kern.memorystatus_level` is the percentage that is available."""
    total_bytes = capacity_bytes()
    level = _sysctl(b"kern.memorystatus_level", 4)
    available_bytes = total_bytes * _word(level, 0) // 100 if level and total_bytes else -1
    pressure = Pressure(total_bytes or -1, available_bytes)
    swap = _sysctl(b"vm.swapusage", 32)  # struct xsw_usage: total, available, used, ...
    if len(swap) >= 24:
        pressure.swap_total_bytes, pressure.swap_free_bytes = _long(swap, 0), _long(swap, 8)
    return pressure


def _reading(row: Row) -> ProcessReading:
    footprint_bytes, quality = _footprint(row.pid)
    if row.ended:
        footprint_bytes, quality = 0, MEASURED
    return ProcessReading(row.pid, row.parent_pid, row.start_ticks, footprint_bytes, quality)


def _footprint(pid: int) -> tuple[int, str]:
    """The physical footprint is what Activity Monitor shows, compressed and swapped pages included.

    Where that is refused, what is resident: without what was compressed or swapped.
    """
    buffer = ctypes.create_string_buffer(_RUSAGE_V4_BYTES)
    if not _library().proc_pid_rusage(pid, _RUSAGE_V4, buffer):
        return _long(buffer.raw, _PHYS_FOOTPRINT), MEASURED
    task = _pid_info(pid, _TASKINFO, _TASKINFO_BYTES)
    return (_long(task, _RESIDENT), ESTIMATED) if task else (0, UNREADABLE)


def _row(pid: int, info: bytes) -> Row:
    terminal = _word(info, _TERMINAL)
    return Row(
        pid,
        parent_pid=_word(info, _PARENT),
        start_ticks=_start_us(info),
        group=_word(info, _GROUP),
        session=_session_of(pid),
        terminal=0 if terminal == _NO_TERMINAL else terminal,
        ended=_word(info, _STATUS) == _ZOMBIE,
    )


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _bsd_info(pid: int) -> bytes:
    """The `struct proc_bsdinfo` of a process; empty when it is gone or may not be seen."""
    return _pid_info(pid, _TBSDINFO, _TBSDINFO_BYTES, _ZOMBIES_TOO)


def _parent_of_hidden(pid: int) -> int:
    """The parent of another user's process; 0 when it is gone."""
    info = _pid_info(pid, _SHORTBSDINFO, _SHORTBSDINFO_BYTES, _ZOMBIES_TOO)
    return _word(info, _SHORT_PARENT) if info else 0


def _pid_info(pid: int, flavor: int, size_bytes: int, argument: int = 0) -> bytes:
    buffer = ctypes.create_string_buffer(size_bytes)
    written_bytes = _library().proc_pidinfo(pid, flavor, ctypes.c_uint64(argument), buffer, size_bytes)
    return buffer.raw if written_bytes == size_bytes else b""


def _all_pids() -> list[int]:
    """Both calls count pids, not bytes."""
    room = _library().proc_listallpids(None, 0) + _SPARE_PIDS
    buffer = (ctypes.c_int32 * room)()
    count = _library().proc_listallpids(buffer, ctypes.sizeof(buffer))
    return [pid for pid in buffer[: max(count, 0)] if pid > 0]


def _start_us(info: bytes) -> int:
    return _long(info, _START_S) * 1_000_000 + _long(info, _START_US)


def _word(info: bytes, offset: int) -> int:
    return int.from_bytes(info[offset : offset + 4], sys.byteorder)


def _long(info: bytes, offset: int) -> int:
    return int.from_bytes(info[offset : offset + 8], sys.byteorder)


def _sysctl(name: bytes, most_bytes: int) -> bytes:
    """The raw value of a sysctl; empty where there is none."""
    buffer = ctypes.create_string_buffer(most_bytes)
    size = ctypes.c_size_t(most_bytes)
    failed = _library().sysctlbyname(name, buffer, ctypes.byref(size), None, ctypes.c_size_t(0))
    return b"" if failed else buffer.raw[: size.value]


def _library() -> ctypes.CDLL:
    """Apple makes libproc a part of libSystem, which every process has loaded."""
    if "libproc" not in _loaded:
        _loaded["libproc"] = ctypes.CDLL("/usr/lib/libSystem.dylib", use_errno=True)
    return _loaded["libproc"]
