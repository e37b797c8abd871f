"""What Linux says beside sizes: which boot and namespace this is, whose a process is, and all processes at once.

Apart from `linux`, so that a quiet hook doesn't load it.
"""

import os

from memguard.core.errors import HostError
from memguard.core.reading import Pressure
from memguard.host.linux import (
    GROUP,
    PARENT,
    SESSION,
    START,
    TERMINAL,
    all_pids,
    is_ended,
    kilobytes,
    read_bytes,
    stat_fields,
)
from memguard.host.table import Row


def boot_id(proc: str = "/proc") -> str:
    """A random id that the kernel makes at each boot.

    Raises HostError where the kernel shows none: start ticks repeat from boot to boot.
    """
    text = read_bytes(f"{proc}/sys/kernel/random/boot_id", 64).decode("ascii", "replace").strip()
    if not text:
        raise HostError("/proc shows no boot id", "mount /proc with sys/kernel/random/boot_id readable")
    return text


def pid_namespace(proc: str = "/proc") -> str:
    """The inode number of this process's pid namespace: digits, since `pid:[…]` holds the separator of ProcessId.

    Raises HostError where `/proc` is of another namespace: its pids are not the ones that signals go to.
    """
    try:
        mine = os.readlink(f"{proc}/self") == str(os.getpid())
        inode = os.stat(f"{proc}/self/ns/pid").st_ino
    except OSError:
        mine, inode = False, 0
    if not mine:
        next_step = "mount a /proc inside the container (unshare has --mount-proc)"
        raise HostError("/proc is not that of this pid namespace", next_step)
    return str(inode)


def is_mine(pid: int, proc: str = "/proc") -> bool:
    """Whether a process runs as this user in every way: real, effective and saved uid. False when it is gone.

    One that has more rights than its starter (setuid) counts as another user's.
    """
    words = read_bytes(f"{proc}/{pid}/status", 4096).partition(b"\nUid:")[2].split(None, 4)
    return bool(words) and {int(word) for word in words[:3]} == {os.geteuid()}


def command_name(pid: int, proc: str = "/proc") -> str:
    """The name as the process chose it: hostile text. Empty when it is gone."""
    return read_bytes(f"{proc}/{pid}/comm", 256).decode("utf-8", "replace")


def scan(proc: str = "/proc") -> dict[int, Row]:
    """Every process by pid; measured: 25 us each, so 12 ms on a host of 490.

    The newest first: one that forks and ends every 5 ms is over when its turn comes last. A freeze caught such a chain
    after 5 to 20 generations; read in the order of pids, after 80 to 140 or not at all.
    """
    table = {}
    for pid in reversed(all_pids(proc)):
        fields = stat_fields(pid, proc)
        if fields:
            table[pid] = _row(pid, fields)
    return table


def terminal_number(pid: int, proc: str = "/proc") -> int:
    """The device number of the controlling terminal; 0 where there is none."""
    fields = stat_fields(pid, proc)
    return int(fields[TERMINAL]) if fields else 0


def capacity_bytes(proc: str = "/proc") -> int:
    """RAM of the host (MemTotal); 0 where `/proc` doesn't say."""
    return kilobytes(b"\n" + read_bytes(f"{proc}/meminfo", 4096), b"\nMemTotal:")


def read_pressure(proc: str = "/proc") -> Pressure:
    """The memory of the host, and how much of the last ten seconds was lost to waiting for it (PSI)."""
    meminfo = b"\n" + read_bytes(f"{proc}/meminfo", 4096)
    pressure = Pressure(_size_in(meminfo, b"\nMemTotal:"), _size_in(meminfo, b"\nMemAvailable:"))
    pressure.swap_total_bytes = _size_in(meminfo, b"\nSwapTotal:")
    pressure.swap_free_bytes = _size_in(meminfo, b"\nSwapFree:")
    stalls = b"\n" + read_bytes(f"{proc}/pressure/memory", 512)  # absent without CONFIG_PSI, refused at `psi=0`
    pressure.psi_some_avg10 = _avg10(stalls, b"\nsome avg10=")
    pressure.psi_full_avg10 = _avg10(stalls, b"\nfull avg10=")
    return pressure


def _size_in(meminfo: bytes, name: bytes) -> int:
    return kilobytes(meminfo, name) if name in meminfo else -1


def _avg10(stalls: bytes, name: bytes) -> float:
    """A percentage; -1 where there is none, or what is there is none."""
    begin = stalls.find(name)
    if begin < 0:
        return -1.0
    try:
        percent = float(stalls[begin + len(name) :].split(None, 1)[0])
    except (ValueError, IndexError):
        return -1.0
    return percent if 0 <= percent <= 100 else -1.0


def _row(pid: int, fields: list[bytes]) -> Row:
    return Row(
        pid,
        parent_pid=int(fields[PARENT]),
        start_ticks=int(fields[START]),
        group=int(fields[GROUP]),
        session=int(fields[SESSION]),
        terminal=int(fields[TERMINAL]),
        ended=is_ended(fields),
    )
