"""What a process holds where `/proc/PID/status` doesn't say: other ways to it, and whether it is there at all.

The ways in turn, by what they leave out:

    status of another thread   nothing; of a process whose first thread ended before the others
    smaps_rollup               nothing, shared memory by its share; walks the page tables, 11 ms per GB
    statm                      shared and swapped memory: resident less shared is an estimate, and never too high
                               (but that `status` may still tell the swapped part)

None of them helps against `hidepid`, which hides a process from other users, and one's own that may not be dumped.
"""

import os

from memguard.core.reading import ESTIMATED, MEASURED, UNREADABLE
from memguard.host.linux import START, footprint_bytes, kilobytes, read_bytes, stat_fields

_GONE = (-1, UNREADABLE)


def by_other_means(pid: int, proc: str, fields: list[bytes]) -> tuple[int, str]:
    """A living process's footprint in bytes and its quality, where `status` alone gave nothing; -1 when it is gone.

    `fields` is its `stat`, from which it is told whether it still is the same process.
    """
    for read in (_by_threads, _by_rollup, _by_statm):
        size_bytes, quality = read(pid, proc)
        if size_bytes >= 0:
            return size_bytes, quality
    now = stat_fields(pid, proc)
    return (0, UNREADABLE) if now and now[START] == fields[START] else _GONE


def is_hidden(pid: int, proc: str) -> bool:
    """Whether a process lives although its `stat` can't be read: refused, or hidden by `hidepid`.

    What the kernel itself says of a pid counts only where `proc` is its own, of this pid namespace.
    """
    try:
        os.close(os.open(f"{proc}/{pid}/stat", os.O_RDONLY))
    except PermissionError:
        return True
    except OSError:
        return _is_kernels(proc) and _exists(pid)
    return False  # gone, and its pid given away meanwhile


def _by_threads(pid: int, proc: str) -> tuple[int, str]:
    """All threads share one memory; that of the first, once it has ended, shows none."""
    try:
        threads = os.listdir(f"{proc}/{pid}/task")
    except OSError:
        return _GONE
    sizes_bytes = [footprint_bytes(int(name), f"{proc}/{pid}/task") for name in threads if name.isdigit()]
    return max(sizes_bytes, default=-1), MEASURED


def _by_rollup(pid: int, proc: str) -> tuple[int, str]:
    rollup = read_bytes(f"{proc}/{pid}/smaps_rollup", 8192)
    if b"\nAnonymous:" not in rollup:
        return _GONE
    names = (b"\nAnonymous:", b"\nPss_Shmem:", b"\nSwap:")
    return sum(kilobytes(rollup, name) for name in names), MEASURED


def _by_statm(pid: int, proc: str) -> tuple[int, str]:
    """Resident less shared pages, which are those of files and of shared memory."""
    words = read_bytes(f"{proc}/{pid}/statm", 256).split()
    if len(words) < 3 or not (words[1].isdigit() and words[2].isdigit()):
        return _GONE
    swapped_bytes = kilobytes(read_bytes(f"{proc}/{pid}/status", 65536), b"\nVmSwap:")
    pages = max(0, int(words[1]) - int(words[2]))
    return pages * os.sysconf("SC_PAGE_SIZE") + swapped_bytes, ESTIMATED


def _is_kernels(proc: str) -> bool:
    try:
        return os.readlink(f"{proc}/self") == str(os.getpid())
    except OSError:
        return False


def _exists(pid: int) -> bool:
    """Whether any process has the pid, whoever's it is: asking for its process session needs no permission."""
    try:
        os.getsid(pid)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
