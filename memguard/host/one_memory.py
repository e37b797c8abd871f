"""Two processes in one memory: a child between vfork and exec, as posix_spawn and Python's subprocess make it.

Its memory is its parent's, and the kernel shows all of it for both, by PSS too: a client of 10 GB holds 20 for the
moment that it takes to start a hook. Only who may trace it can ask the kernel (kcmp), so this goes by what both show.
"""

import time

from memguard.host.linux import kilobytes, read_bytes

# The parent's other threads go on, so sizes that are read one after the other may differ.
_TRIES = 5
_PAUSE_S = 0.001
_STATUS_BYTES = 8192
# After a fork, pages that neither has written count half for each.
_LEAST_OWN = 0.95


def is_one_memory(child: "tuple[int, bytes]", parent: "tuple[int, bytes]", proc: str = "/proc") -> bool:
    """Whether a child runs in its parent's memory. Each by pid and what its `smaps_rollup` says.

    The first line has the range of addresses, which an exec draws anew: nearly always that alone answers.
    """
    addresses = child[1].partition(b"\n")[0]
    if not addresses or addresses != parent[1].partition(b"\n")[0] or not _is_own(child[1]):
        return False
    for _ in range(_TRIES):
        sizes = _sizes(child[0], proc)
        if not sizes:
            return False
        if sizes == _sizes(parent[0], proc):
            return True
        time.sleep(_PAUSE_S)
    return False


def _is_own(rollup: bytes) -> bool:
    return kilobytes(rollup, b"\nPss_Anon:") >= kilobytes(rollup, b"\nAnonymous:") * _LEAST_OWN


def _sizes(pid: int, proc: str) -> bytes:
    """All sizes of a process's memory, from VmPeak to VmSwap; empty where it is gone."""
    status = read_bytes(f"{proc}/{pid}/status", _STATUS_BYTES)
    return status[status.find(b"\nVmPeak:") : status.find(b"\nHugetlbPages:")] if b"\nVmPeak:" in status else b""
