"""What a tree really holds: memory that processes share counts once.

`smaps_rollup` walks the page tables, about 11 ms per GB, so it confirms what the polled footprint raised, and is
never polled itself.
"""

from memguard.core.reading import TreeReading
from memguard.host.linux import kilobytes, read_bytes
from memguard.host.one_memory import is_one_memory


def smaps_rollup(pid: int, proc: str = "/proc") -> bytes:
    """What the kernel says of all mappings of a process together; empty where it says nothing."""
    return read_bytes(f"{proc}/{pid}/smaps_rollup", 8192)


def pss_bytes(pid: int, proc: str = "/proc") -> int | None:
    """A process's share of anonymous, shared and swapped memory; None where the host doesn't say.

    That is so for a process that is gone or another user's, for a kernel before 5.3 and for other systems.
    """
    return _pss_of(smaps_rollup(pid, proc))


def confirmed_bytes(tree: TreeReading, proc: str = "/proc") -> int:
    """The sum of shares over a tree; a process whose share can't be read counts by its footprint."""
    return sum(shares_bytes(tree, proc).values())


def shares_bytes(tree: TreeReading, proc: str = "/proc") -> "dict[int, int]":
    """Each process's share by its pid; its footprint where the share can't be read.

    0 for a child that is still in its parent's memory.
    """
    rollups = {process.pid: smaps_rollup(process.pid, proc) for process in tree.processes}
    shares: dict[int, int] = {}
    for process in tree.processes:
        share = _pss_of(rollups[process.pid])
        shares[process.pid] = process.footprint_bytes if share is None else share
        parent = rollups.get(process.parent_pid)
        if share and parent and is_one_memory((process.pid, rollups[process.pid]), (process.parent_pid, parent), proc):
            shares[process.pid] = 0
    return shares


def _pss_of(rollup: bytes) -> "int | None":
    if b"\nPss_Anon:" not in rollup:
        return None
    return sum(kilobytes(rollup, name) for name in (b"\nPss_Anon:", b"\nPss_Shmem:", b"\nSwapPss:"))
