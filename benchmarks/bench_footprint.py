"""What reading memory costs: of one process beside the bare read of its file, and of a tree, both beside psutil.

    python benchmarks/bench_footprint.py [--rounds 60] [--size-mb 256] [--tree 50] [--host-processes 500]

One process: a Python that holds 256 MB. The bare read is `open`, `read`, `close` of its `/proc/PID/status`; psutil's
call is `memory_full_info()`, the one of psutil that counts swap. The tree: a client with seven tools that have the rest
as children, on a host that is filled up with sleeping processes; psutil's way is `children(recursive=True)` and
`memory_info()` of each. All are called in turn, one by one and in changing order; a round's value is the median of its
calls, in microseconds.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psutil
from common import Samples, parser, print_ratio, print_samples

from memguard.host import confirm, linux
from memguard.host.pressure import Gauge, read_pressure

BARE_LIMIT = 1.5
FULL_INFO_LIMIT = 8
TREE_LIMIT = 4
MIB = 1024 * 1024

HOLDER = """
import sys
held = bytearray(int(sys.argv[1]) * 1024 * 1024)
for offset in range(0, len(held), 4096): held[offset] = 1
print("ready", flush=True)
sys.stdin.read()
"""
# Seven tools, the rest of the tree as their children. All wait for the end of one pipe, which the benchmark holds.
CLIENT = """
import os, sys
count = int(sys.argv[1])
tools = min(7, count - 1)
says, say = os.pipe()
def wait():
    os.write(say, b"x")
    sys.stdin.read()
    os._exit(0)
for tool in range(tools):
    if not os.fork():
        for child in range(tool, count - 1 - tools, tools):
            if not os.fork(): wait()
        wait()
for _ in range(count - 1): os.read(says, 1)
print("ready", flush=True)
sys.stdin.read()
"""


def main() -> int:
    """Measure both, print."""
    arguments = parser(__doc__, 60)
    arguments.add_argument("--size-mb", type=int, default=256, help="what the one process holds (default: 256)")
    arguments.add_argument("--tree", type=int, default=50, help="processes in the tree (default: 50)")
    arguments.add_argument("--host-processes", type=int, default=500, help="processes on the host (default: 500)")
    options = arguments.parse_args()
    with _python(HOLDER, str(options.size_mb)) as pid:
        _report_one(in_turn(_ways_to_one(pid), options.rounds), options.size_mb)
    with _python(CLIENT, str(options.tree)) as pid, _full_host(options.host_processes):
        count = len(linux.all_pids())
        _check_tree(pid, options.tree)
        _report_tree(in_turn(_ways_to_a_tree(pid), options.rounds), options.tree, count)
    return 0


@contextmanager
def _python(code: str, *words: str) -> Iterator[int]:
    """A Python that has said that it is ready; it and all that it started end with their standard input."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise RuntimeError("a helper process ended at once")
        yield process.pid
    finally:
        process.communicate()


@contextmanager
def _full_host(wanted: int) -> Iterator[None]:
    """Sleeping processes until the host has as many as `wanted`."""
    missing = max(0, wanted - len(linux.all_pids()))
    sleepers = [subprocess.Popen(["sleep", "3600"]) for _ in range(missing)]
    try:
        yield
    finally:
        for sleeper in sleepers:
            sleeper.kill()
        for sleeper in sleepers:
            sleeper.wait()


def _ways_to_one(pid: int) -> dict[str, tuple[Callable[[], object], int]]:
    """What is measured, and how often in a row."""
    path = f"/proc/{pid}/status"
    by_psutil = psutil.Process(pid)
    gauge = Gauge(pid)

    def bare() -> None:
        descriptor = os.open(path, os.O_RDONLY)
        os.read(descriptor, 16384)
        os.close(descriptor)

    return {
        "bare open, read, close": (bare, 50),
        "footprint_bytes": (lambda: linux.footprint_bytes(pid), 50),
        "read_process (also its stat)": (lambda: linux.read_process(pid), 50),
        "psutil memory_full_info()": (by_psutil.memory_full_info, 3),
        "confirmed by PSS": (lambda: confirm.pss_bytes(pid), 3),
        "host: read_pressure": (read_pressure, 20),
        "host and groups: Gauge.left_bytes": (gauge.left_bytes, 20),
    }


def _ways_to_a_tree(pid: int) -> dict[str, tuple[Callable[[], object], int]]:
    def by_psutil() -> list[object]:
        client = psutil.Process(pid)
        return [process.memory_info() for process in (client, *client.children(recursive=True))]

    return {
        "read_tree": (lambda: linux.read_tree(pid), 3),
        "walk (as a quiet hook reads)": (lambda: linux.walk(pid), 3),
        "psutil children, memory_info": (by_psutil, 1),
    }


def _check_tree(pid: int, size: int) -> None:
    """RuntimeError unless both see the whole tree: a comparison of less would say nothing."""
    seen = (len(linux.read_tree(pid).processes), 1 + len(psutil.Process(pid).children(recursive=True)))
    if seen != (size, size):
        raise RuntimeError(f"a tree of {size}, of which memguard sees {seen[0]} and psutil {seen[1]}")


def in_turn(ways: Mapping[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, Samples]:
    """Microseconds per call: of each round the median of its calls, which were made in turn, one by one."""
    samples = {name: Samples(name, "us") for name in ways}
    for number in range(-1, rounds):  # the first fills caches
        for name, value in _round(ways).items():
            if number >= 0:
                samples[name].values.append(value)
    return samples


def _round(ways: Mapping[str, tuple[Callable[[], object], int]]) -> dict[str, float]:
    values: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    for number in range(max(times for _, times in ways.values())):
        random.shuffle(order)
        for name in order:
            call, times = ways[name]
            if number < times:
                begun_s = time.perf_counter()
                call()
                values[name].append((time.perf_counter() - begun_s) * 1e6)
    return {name: statistics.median(found) for name, found in values.items()}


def _report_one(samples: Mapping[str, Samples], size_mb: int) -> None:
    bare, ours, process, full, pss, *_ = samples.values()
    print(f"one process that holds {size_mb} MB")
    print_samples(list(samples.values()))
    print_ratio("footprint_bytes / bare", ours, bare, BARE_LIMIT)
    print_ratio("read_process / bare", process, bare)
    _print_speed("psutil memory_full_info() / footprint_bytes", full, ours, FULL_INFO_LIMIT)
    _print_speed("psutil memory_full_info() / read_process", full, process, FULL_INFO_LIMIT)
    _print_speed("confirmed by PSS / footprint_bytes", pss, ours)


def _report_tree(samples: Mapping[str, Samples], size: int, host_processes: int) -> None:
    tree, walk, by_psutil = samples.values()
    print(f"\na tree of {size} on a host of {host_processes}")
    print_samples(list(samples.values()))
    _print_speed("psutil children, memory_info / read_tree", by_psutil, tree, TREE_LIMIT)
    _print_speed("psutil children, memory_info / walk", by_psutil, walk, TREE_LIMIT)


def _print_speed(what: str, slow: Samples, fast: Samples, at_least: float = 0) -> None:
    """How many times faster the one is, and how that stands to what it must be at least."""
    ratio, low, high = slow.over(fast)
    verdict = f"  at least {at_least:g}: {'met' if ratio >= at_least else 'MISSED'}" if at_least else ""
    print(f"{what}: {ratio:.1f} (single rounds {low:.1f} to {high:.1f}){verdict}")


if __name__ == "__main__":
    sys.exit(main())
