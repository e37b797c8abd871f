"""A process tree as Linux shows it in `/proc`. The quiet path: imports only `os` and the noun that it fills.

Every function takes the root of `/proc`, so that tests can lay out trees that no kernel would give them.

Measured on Linux 6.18, 2 busy cores, Python 3.11: a client of 16 threads with 10 children on a host of 90, the ways in
turn, 300 times each; milliseconds, the quickest tenth and the median (a client of one thread: 0.51 and 0.72):

    0.67  0.80   as here: thread count from `stat`, task folder listed only where there are more threads
    0.76  0.98   task folder listed for every process
    0.68  0.83   `openat` beside a descriptor of `/proc/PID`: shorter paths, but one more open and close
    0.51  0.68   children of the first thread alone: misses what other threads started
    1.90  2.47   scan of all `/proc` for parents, as where the kernel has no `children` file; grows with the host

For the 11 processes `status` takes 0.19 ms of it, `stat` 0.13, `children` of the first threads 0.09. A footprint alone
takes 1.2 times the bare open, read and close of `status` (benchmarks/bench_footprint.py).
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.reading import ProcessReading, TreeReading

# Positions in `/proc/PID/stat`, counted from the state (the third word, the first after the name).
STATE, PARENT, GROUP, SESSION, TERMINAL, THREADS, START = 0, 1, 2, 3, 4, 17, 19

_ENDED = (b"Z", b"X", b"x")
# `status` lists every group of its owner before the sizes: 16 KB is room for more than a thousand; a user can be in
# 65,536 of up to 11 characters, for which it is read again.
_STATUS_BYTES = 16384
# Nine lines from RssAnon to VmSwap, of at most 31 characters each.
_SIZES_BYTES = 320
# The kernel hands out `children` in pieces of a page, each pid whole; a shorter piece is the last.
_SHORT_PIECE = 4096 - 16


def read_tree(client_pid: int, proc: str = "/proc", leave_out: int = 0) -> "TreeReading":
    """Read the client (first) and all its descendants, as `walk` finds them."""
    from memguard.core.reading import MEASURED, ProcessReading, TreeReading  # not for a quiet hook, which only adds up

    doubts: dict[int, str] = {}
    readings = [ProcessReading(*found) for found in walk(client_pid, proc, leave_out, doubts)]
    if doubts:
        for reading in readings:
            reading.quality = doubts.pop(reading.pid, MEASURED)
    return TreeReading(readings, hidden=len(doubts))


def walk(
    client_pid: int, proc: str = "/proc", leave_out: int = 0, doubts: dict[int, str] | None = None
) -> list[tuple[int, int, int, int]]:
    """Pid, parent's pid, start ticks and footprint in bytes of the client (first) and all its descendants.

    Empty when the client is gone.
    `leave_out` is a pid that is not counted, nor what it started: the hook that reads. Who vanishes meanwhile is
    absent. A pid counts only while its parent is in the tree, so that one given away between the list of children
    and the reading is never taken for a descendant.
    `doubts` takes the quality of what could not be measured, by pid; a pid in it alone is of a process that is in
    the tree and hidden. What can't be measured counts as 0, so that a sum without `doubts` is still a sum.
    """
    processes: list[tuple[int, int, int, int]] = []
    scanned = None if _has_children_file(client_pid, proc) else _children_by_scan(proc)
    queue, seen = [client_pid], {leave_out}
    for pid in queue:  # it grows while it is walked; `seen` ends a loop
        if pid in seen:
            continue
        seen.add(pid)
        fields = stat_fields(pid, proc)
        if not _belongs(fields, seen, not processes):
            if not fields and doubts is not None:
                _note_hidden(pid, proc, doubts)
            continue
        size_bytes = footprint_bytes(pid, proc)
        if size_bytes <= 0 and _is_in_doubt(size_bytes, fields):
            size_bytes = _by_other_means(pid, proc, fields, doubts)
        if size_bytes < 0:
            continue
        processes.append((pid, int(fields[PARENT]), int(fields[START]), size_bytes))
        queue += _children(pid, fields[THREADS], proc) if scanned is None else scanned.get(pid, ())
    return processes


def read_process(pid: int, proc: str = "/proc") -> "ProcessReading | None":
    """One process alone; None when it is gone."""
    from memguard.core.reading import MEASURED, ProcessReading

    fields, doubts = stat_fields(pid, proc), dict[int, str]()
    size_bytes = footprint_bytes(pid, proc) if fields else -1
    if fields and size_bytes <= 0 and _is_in_doubt(size_bytes, fields):
        size_bytes = _by_other_means(pid, proc, fields, doubts)
    if size_bytes < 0:
        return None
    return ProcessReading(pid, int(fields[PARENT]), int(fields[START]), size_bytes, doubts.get(pid, MEASURED))


def footprint_bytes(pid: int, proc: str = "/proc") -> int:
    """Anonymous + shared + swapped memory by one read of `status`; 0 for a zombie or a kernel thread, which hold none.

    -1 when the process is gone, or `status` can't be read or says too little: `read_process` knows other ways.
    """
    status = read_bytes(f"{proc}/{pid}/status", _STATUS_BYTES)
    if len(status) == _STATUS_BYTES:
        status = read_bytes(f"{proc}/{pid}/status", 64 * _STATUS_BYTES)
    begin = status.find(b"\nRssAnon:")
    if begin < 0:  # a kernel before 4.5, or one that is only acted, may have VmRSS alone
        return 0 if status and b"\nVmRSS:" not in status else -1
    words = status[begin : begin + _SIZES_BYTES].split(None, 26)
    try:
        if words[6:25:18] == [b"RssShmem:", b"VmSwap:"]:  # as Linux has it; half the time of looking for each
            return (int(words[1]) + int(words[7]) + int(words[25])) * 1024
    except (ValueError, IndexError):
        return -1
    return sum(kilobytes(status, name) for name in (b"\nRssAnon:", b"\nRssShmem:", b"\nVmSwap:"))


def start_ticks(pid: int, proc: str = "/proc") -> int:
    """When a process started, in clock ticks since boot; 0 when it is gone."""
    fields = stat_fields(pid, proc)
    return int(fields[START]) if fields else 0


def parent_pid(pid: int, proc: str = "/proc") -> int:
    """The parent's pid; 0 when the process is gone or has none."""
    fields = stat_fields(pid, proc)
    return int(fields[PARENT]) if fields else 0


def is_zombie(pid: int, proc: str = "/proc") -> bool:
    """Whether a process has ended and only waits to be reaped by its parent."""
    fields = stat_fields(pid, proc)
    return bool(fields) and is_ended(fields)


def is_ended(fields: list[bytes]) -> bool:
    """Whether `fields` are a zombie's. A first thread that ended before the others looks like one, and is not."""
    return fields[STATE] in _ENDED and fields[THREADS] in (b"0", b"1")


def stat_fields(pid: int, proc: str = "/proc") -> list[bytes]:
    """The words of `/proc/PID/stat` from the state on (see STATE to START); empty when the process is gone.

    A process chooses its own name, `foo) Z 1` included, so the name ends at the last parenthesis.
    """
    data = read_bytes(f"{proc}/{pid}/stat", 4096)
    fields = data[data.rfind(b")") + 1 :].split(None, START + 1)
    return fields if len(fields) > START else []


def read_bytes(path: str, most: int) -> bytes:
    """What one read of a file gives, at most `most` bytes; empty where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, most)
    except OSError:  # the process went between open and read
        return b""
    finally:
        os.close(descriptor)


def kilobytes(data: bytes, name: bytes) -> int:
    r"""The bytes in a line such as `RssAnon:  12 kB` of `data`; 0 where there is none. `name` is `b"\nRssAnon:"`."""
    begin = data.find(name)
    if begin < 0:
        return 0
    begin += len(name)
    try:
        return int(data[begin : data.find(b"kB", begin)]) * 1024
    except ValueError:  # no kernel writes that; a file system that stands in for `/proc` may
        return 0


def _belongs(fields: list[bytes], seen: set[int], is_client: bool) -> bool:
    if not fields:
        return False
    return not is_ended(fields) if is_client else int(fields[PARENT]) in seen


def _is_in_doubt(size_bytes: int, fields: list[bytes]) -> bool:
    """Whether `status` gave no answer, or that of a first thread which ended before the others: nothing."""
    return size_bytes < 0 or (fields[STATE] in _ENDED and not is_ended(fields))


def _by_other_means(pid: int, proc: str, fields: list[bytes], doubts: dict[int, str] | None) -> int:
    from memguard.host.linux_fallback import by_other_means  # rarely needed: a quiet hook doesn't load it

    size_bytes, quality = by_other_means(pid, proc, fields)
    if doubts is not None and size_bytes >= 0:
        doubts[pid] = quality
    return size_bytes


def _note_hidden(pid: int, proc: str, doubts: dict[int, str]) -> None:
    from memguard.core.reading import UNREADABLE
    from memguard.host.linux_fallback import is_hidden

    if is_hidden(pid, proc):
        doubts[pid] = UNREADABLE


def _has_children_file(pid: int, proc: str) -> bool:
    """Whether this kernel lists children (CONFIG_PROC_CHILDREN): one call of 3 us."""
    return os.access(f"{proc}/{pid}/task/{pid}/children", os.F_OK)


def _children(pid: int, threads: bytes, proc: str) -> list[int]:
    """The pids that any thread of `pid` started: the kernel lists them with the thread."""
    tasks = f"{proc}/{pid}/task"
    if threads == b"1":
        return _pids_in(f"{tasks}/{pid}/children")
    try:
        names = os.listdir(tasks)
    except OSError:
        return []
    pids: list[int] = []
    for name in names:
        pids += _pids_in(f"{tasks}/{name}/children")
    return pids


def _pids_in(path: str) -> list[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return []
    try:
        data = piece = os.read(descriptor, 65536)
        while len(piece) >= _SHORT_PIECE:
            piece = os.read(descriptor, 65536)
            data += piece
    except OSError:  # the thread went between open and read
        return []
    finally:
        os.close(descriptor)
    return [int(word) for word in data.split()]


def _children_by_scan(proc: str) -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for pid in all_pids(proc):
        children.setdefault(parent_pid(pid, proc), []).append(pid)
    return children


def all_pids(proc: str = "/proc") -> list[int]:
    """Every pid that `/proc` shows, in no order; empty where there is no `/proc`."""
    try:
        return [int(name) for name in os.listdir(proc) if name.isdigit()]
    except OSError:
        return []
