"""What the host tells of itself beside memory: file systems, processor, load, network. By `/proc` and `statvfs` alone.

Every figure is -1 where the host doesn't tell it. Nothing here opens a connection.
"""

import os

from memguard.host.linux import read_bytes

# `cpu` of /proc/stat: user nice system idle iowait irq softirq steal; guests are counted in user and nice already.
_CPU_WORDS = 8
_IDLE, _IOWAIT = 3, 4


class Disk:
    """A file system, by a folder on it. `what` says what the folder is for.

    `free_bytes` and `free_files` are what this user may still take, which is less than what root may. Files are
    counted by few file systems; -1 means that they don't run out, and of everything, that there was no answer.
    `needed_bytes` is what is about to be written there, where that is known.
    """

    __slots__ = ("free_bytes", "free_files", "needed_bytes", "path", "total_bytes", "used_percent", "what")

    def __init__(self, what: str, path: str) -> None:
        self.what = what
        self.path = path
        self.total_bytes = -1
        self.free_bytes = -1
        self.free_files = -1
        self.needed_bytes = 0
        self.used_percent = -1.0

    @property
    def is_known(self) -> bool:
        """Whether its file system has answered."""
        return self.free_bytes >= 0


def read_disk(what: str, path: str) -> Disk:
    """Ask the file system of `path`, or of the nearest folder above it that exists.

    Waits for as long as the file system does: a network mount whose server is gone may never answer.
    """
    disk = Disk(what, path)
    try:
        found = os.statvfs(_existing(path))
    except (OSError, AttributeError, ValueError):
        return disk
    disk.total_bytes, disk.free_bytes = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    disk.free_files = found.f_favail if found.f_files else -1
    used, usable = found.f_blocks - found.f_bfree, found.f_blocks - found.f_bfree + found.f_bavail
    disk.used_percent = round(100 * used / usable, 1) if usable else 0.0
    return disk


def _existing(path: str) -> str:
    while path and not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


class CpuMeter:
    """The processor's share of work between two looks."""

    __slots__ = ("_before", "_proc")

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._before = _cpu_ticks(proc)

    def percent(self) -> float:
        """Percent of all processors' time that was work since the look before; waiting for a disk is none."""
        before, self._before = self._before, _cpu_ticks(self._proc)
        total, idle = self._before[0] - before[0], self._before[1] - before[1]
        if min(before[0], self._before[0]) < 0 or total <= 0:
            return -1.0
        return round(max(0.0, min(100.0, 100 * (1 - idle / total))), 1)


def _cpu_ticks(proc: str) -> "tuple[int, int]":
    """All ticks and the idle ones, since boot; -1 where there are none."""
    words = read_bytes(f"{proc}/stat", 256).split(b"\n", 1)[0].split()
    try:
        ticks = [int(word) for word in words[1 : 1 + _CPU_WORDS]]
        return (sum(ticks), ticks[_IDLE] + ticks[_IOWAIT]) if words[0] == b"cpu" else (-1, -1)
    except (ValueError, IndexError):
        return -1, -1


def load_average(proc: str = "/proc") -> float:
    """Processes that ran, or waited for a processor or a disk, on average over the last minute."""
    try:
        return float(read_bytes(f"{proc}/loadavg", 64).split(None, 1)[0])
    except (ValueError, IndexError):
        return -1.0


def processor_count() -> int:
    """Processors that this process may use; 1 where nobody says."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def network_bytes(proc: str = "/proc") -> "tuple[int, int]":
    """Bytes that all interfaces but the loopback have sent and received since boot."""
    lines = read_bytes(f"{proc}/net/dev", 65536).split(b"\n")[2:]
    sent = received = 0
    try:
        for line in lines:
            name, parted, counters = line.partition(b":")
            words = counters.split()
            if parted and name.strip() != b"lo":
                received, sent = received + int(words[0]), sent + int(words[8])
    except (ValueError, IndexError):
        return -1, -1
    return (sent, received) if len(lines) > 1 else (-1, -1)
