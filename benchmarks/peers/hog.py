"""A program that fills memory at a steady rate past a limit, and then holds it.

    hog.py LOG MEGABYTES_PER_S LIMIT_BYTES BEYOND_BYTES COUNTED DELAY_S

LOG is a file of 64 bytes that it maps, so that the benchmark reads without disturbing it: whether it has begun, when
it reached LIMIT_BYTES, and when it was last seen to run, in nanoseconds of the monotonic clock. COUNTED is what it
holds LIMIT_BYTES of: `footprint`, or `rss`, as most programs that end others count, with the pages of files. It holds
at BEYOND_BYTES over the limit. A second one on the same LOG, as a supervisor starts it, waits and does nothing.
"""

import mmap
import struct
import sys
import time

MB = 1_000_000
PAGE = 4096
# How finely it grows: at 1 GB/s a piece of 1 MB takes 1 ms.
PIECE = 256 * PAGE
_POPULATE_WRITE = 23  # madvise(2), Linux 5.14
_HOLD_S = 600
_BEGUN, _CROSSED, _SEEN, _RATE = range(4)


def main() -> None:
    """Fill, and hold."""
    path, rate, limit, beyond = sys.argv[1], float(sys.argv[2]) * MB, int(sys.argv[3]), int(sys.argv[4])
    with open(path, "r+b") as file:
        log = mmap.mmap(file.fileno(), 64)
    if struct.unpack_from("q", log, 8 * _BEGUN)[0]:
        time.sleep(_HOLD_S)
        return
    _note(log, _BEGUN)
    time.sleep(float(sys.argv[6]))
    left = limit - _held(("VmRSS:", "VmSwap:") if sys.argv[5] == "rss" else ("RssAnon:", "RssShmem:", "VmSwap:"))
    _fill(log, rate, left, left + beyond)
    end_s = time.monotonic() + _HOLD_S
    while time.monotonic() < end_s:
        _note(log, _SEEN)
        time.sleep(0.001)


def _fill(log: mmap.mmap, rate: float, crossing: int, most: int) -> None:
    """Grow at `rate`; the rate that it came to, up to the crossing, is noted in bytes a second."""
    memory = mmap.mmap(-1, most + PIECE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    begun_s, held = time.monotonic(), 0
    crossed = False
    while held < most:
        _touch(memory, held)
        held += PIECE
        _note(log, _SEEN)
        if held >= crossing and not crossed:
            crossed = True
            struct.pack_into("q", log, 8 * _RATE, int(held / (time.monotonic() - begun_s)))
            _note(log, _CROSSED)
        time.sleep(max(0.0, begun_s + held / rate - time.monotonic()))
    _HELD.append(memory)


_HELD: list[mmap.mmap] = []


def _touch(memory: mmap.mmap, begin: int) -> None:
    try:
        memory.madvise(_POPULATE_WRITE, begin, PIECE)
    except OSError:
        memory[begin : begin + PIECE : PAGE] = b"\1" * (PIECE // PAGE)


def _note(log: mmap.mmap, what: int) -> None:
    struct.pack_into("q", log, 8 * what, time.monotonic_ns())


def _held(names: tuple[str, ...]) -> int:
    """What it holds before it begins."""
    with open("/proc/self/status", encoding="ascii") as file:
        lines = [line.split() for line in file]
    return sum(int(line[1]) * 1024 for line in lines if line[0] in names)


if __name__ == "__main__":
    main()
