"""What watching a test run costs, beside pytest alone and beside pytest-memray, and how near its peaks are to `/proc`.

    python benchmarks/bench_pytest_plugin.py [--rounds 20] [--tests 2000] [--memray-rounds 2] [--no-perf]

The suite has 2,000 empty tests in 20 files. It is run in turn by pytest alone (`-p no:memguard`), with memguard there
and not asked for, with `--memguard-limit`, and, in the first rounds, under pytest-memray. Plugins are found as pytest
finds them, by their entry points, and all others are switched off. Of each run: seconds, CPU time of the process (user
and system), and the instructions that it took, where `perf` can count them: these hardly depend on what else the
machine does. Ratios are of the medians, and of single rounds.

The peaks: tests that hold, spike, start a program, fork and map a file, run by pytest with memguard, while this script
reads `/proc` by itself, as fast as it can: the footprint of a process alone, the shares (PSS) of several.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any

from common import Samples, parser, print_ratio, print_samples, verdict

COST_LIMIT = 1.02
PEAK_LIMIT = 0.05
FILES = 20
KIB, MB = 1024, 1024 * 1024

ALONE, IDLE, WATCHED, MEMRAY = "pytest alone", "memguard, not asked", "memguard, with a limit", "pytest-memray"
INSTALLED = {found.name for found in entry_points(group="pytest11")}
WORDS = {
    ALONE: [],
    IDLE: ["memguard"],
    WATCHED: ["memguard", "--memguard-limit", "1G"],
    MEMRAY: ["memray", "--memray"],
}
SECONDS, CPU, INSTRUCTIONS = "seconds", "CPU s", "10^9 instructions"

CONFTEST = """
import time
def note(what, nodeid):
    with open("times.txt", "a") as file: print(what, time.monotonic(), nodeid, file=file)
def pytest_runtest_logstart(nodeid): note("begin", nodeid)
def pytest_runtest_logfinish(nodeid): note("end", nodeid)
"""
SHAPES = """
import mmap, os, subprocess, sys, time
MB = 1024 * 1024
def hold(megabytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
    block = mmap.mmap(-1, megabytes * MB, flags=flags)
    block[::4096] = b"1" * (megabytes * MB // 4096)
    return block
def test_holds():
    held = hold(150)
    time.sleep(0.4)
def test_spikes():
    hold(200).close()
def test_spikes_for_a_moment():
    held = hold(180)
    time.sleep(0.05)
    held.close()
    time.sleep(0.2)
def test_grows_in_steps():
    held = []
    for _ in range(20):
        held.append(hold(12))
        time.sleep(0.02)
def test_shares_memory_with_nobody():
    held = hold(120, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    time.sleep(0.3)
def test_starts_a_program():
    program = "held = bytearray(120 << 20)\\nheld[::4096] = b'1' * len(held[::4096])\\nimport time; time.sleep(0.4)"
    subprocess.run([sys.executable, "-I", "-S", "-c", program])
def test_forks_three_that_share():
    held = hold(150)
    for _ in range(3):
        if not os.fork():
            time.sleep(0.5)
            os._exit(0)
    for _ in range(3): os.wait()
def test_maps_a_file():
    with open("mapped", "wb") as file: os.posix_fallocate(file.fileno(), 0, 200 * MB)
    with open("mapped", "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as block:
        assert not any(block[::4096])
        time.sleep(0.3)
"""


def main() -> int:
    """Measure both, print."""
    arguments = parser(__doc__, 20)
    arguments.add_argument("--tests", type=int, default=2000, help="empty tests in the suite (default: 2000)")
    arguments.add_argument("--memray-rounds", type=int, default=2, help="rounds that run memray, too (default: 2)")
    arguments.add_argument("--no-perf", action="store_true", help="don't count instructions")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="memguard-bench-") as folder:
        suite = Suite(Path(folder), options.tests, has_perf=not options.no_perf and _can_count())
        _report_cost(_in_turn(suite, options.rounds, options.memray_rounds), options.tests)
        _report_peaks(Path(folder))
    return 0


def _can_count() -> bool:
    """Whether there is a `perf` that may count this user's instructions."""
    if shutil.which("perf") is None:
        return False
    done = subprocess.run(["perf", "stat", "-x,", "-e", "instructions", "true"], capture_output=True, check=False)
    return done.returncode == 0 and b"<not" not in done.stderr


def _environment(folder: Path) -> dict[str, str]:
    """Bytecode is kept, as where tests are run every day, and by no other run of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }


class Suite:
    """Empty tests, run by a pytest of its own each time."""

    def __init__(self, folder: Path, tests: int, *, has_perf: bool) -> None:
        self.folder = folder / "empty"
        self.folder.mkdir()
        self.tests = tests
        self.environment = _environment(folder)
        self.has_perf = has_perf
        for number in range(FILES):
            cases = range(number, tests, FILES)
            text = "".join(f"def test_{case}():\n    pass\n\n\n" for case in cases)
            (self.folder / f"test_{number}.py").write_text(text)

    def run(self, words: Sequence[str]) -> dict[str, float]:
        """Seconds, CPU seconds, and instructions if they are counted. RuntimeError unless all tests passed."""
        counted = self.folder.parent / "counted"
        # One counter: with two, each change between threads takes the kernel more, and there are more of them.
        count = ["perf", "stat", "-x,", "-o", str(counted), "-e", "instructions"]
        argv = [
            *(count if self.has_perf else []),
            sys.executable,
            "-m",
            "pytest",
            *_without_others(words[:1]),
            *words[1:],
        ]
        before, begun_s = os.times(), time.perf_counter()
        done = subprocess.run(argv, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        seconds, after = time.perf_counter() - begun_s, os.times()
        if f"{self.tests} passed" not in done.stdout:
            raise RuntimeError(f"{argv} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
        return {SECONDS: seconds, CPU: cpu_s, **({INSTRUCTIONS: _instructions(counted)} if self.has_perf else {})}


def _without_others(wanted: Sequence[str]) -> list[str]:
    return [word for name in sorted(INSTALLED.difference(wanted)) for word in ("-p", f"no:{name}")]


def _instructions(path: Path) -> float:
    lines = [line.split(",") for line in path.read_text().splitlines() if "instructions" in line]
    return sum(int(words[0]) for words in lines) / 1e9


def _in_turn(suite: Suite, rounds: int, memray_rounds: int) -> dict[str, dict[str, Samples]]:
    """Samples by unit and name; the first round fills caches."""
    found: dict[str, dict[str, Samples]] = {}
    for number in range(-1, rounds):
        for name, words in WORDS.items():
            if name == MEMRAY and not 0 <= number < memray_rounds:
                continue
            for unit, value in suite.run(words).items():
                if number >= 0:
                    found.setdefault(unit, {}).setdefault(name, Samples(name, unit)).values.append(value)
    return found


def _report_cost(found: Mapping[str, Mapping[str, Samples]], tests: int) -> None:
    print(f"{tests} empty tests")
    for unit, samples in found.items():
        print_samples(list(samples.values()))
        for name in (IDLE, WATCHED):
            limit = COST_LIMIT if name == WATCHED else 0
            print_ratio(f"{unit}: {name} / {ALONE}", samples[name], samples[ALONE], limit)
        if MEMRAY in samples:
            print(f"{unit}: {MEMRAY} / {ALONE}: {samples[MEMRAY].median / samples[ALONE].median:.2f}")


def _report_peaks(folder: Path) -> None:
    """Each test's peak by memguard, and by what `/proc` showed while it ran."""
    peaks = folder / "peaks"
    peaks.mkdir()
    (peaks / "conftest.py").write_text(CONFTEST)
    (peaks / "test_shapes.py").write_text(SHAPES)
    argv = [sys.executable, "-m", "pytest", *_without_others(["memguard"]), "--memguard-report", "report.json"]
    with _started(argv, peaks, _environment(folder)) as process:
        readings = list(_readings(process))
    report = json.loads((peaks / "report.json").read_text())
    print("\npeaks of tests, in MB, of the whole tree")
    print(f"{'':36}{'memguard':>9}{'/proc':>9}{'off by':>9}{'n':>6}")
    furthest = max(_print_peak(test, _shown(readings, peaks)) for test in report["tests"])
    print(f"furthest off: {furthest:.1%}{verdict(furthest, PEAK_LIMIT)}")


@contextmanager
def _started(argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv, cwd=folder, env=dict(environment), stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.wait():
            raise RuntimeError(f"{argv} ended with {process.returncode}")


def _readings(process: subprocess.Popen[bytes]) -> Iterator[tuple[float, int]]:
    """Time and bytes of the tree, until it is over."""
    while process.poll() is None:
        begun_s = time.monotonic()
        pids = _tree(process.pid)
        size_kib = sum(map(_share_kib, pids)) if len(pids) > 1 else _footprint_kib(process.pid)
        if _tree(process.pid) == pids:  # nobody came or went meanwhile
            yield begun_s, size_kib * KIB


def _tree(pid: int) -> list[int]:
    pids = [pid]
    for each in pids:  # it grows while it is walked
        for path in Path(f"/proc/{each}/task").glob("*/children"):
            pids += [int(word) for word in _text(path).split()]
    return pids


def _footprint_kib(pid: int) -> int:
    return _kib(Path(f"/proc/{pid}/status"), ("RssAnon:", "RssShmem:", "VmSwap:"))


def _share_kib(pid: int) -> int:
    return _kib(Path(f"/proc/{pid}/smaps_rollup"), ("Pss_Anon:", "Pss_Shmem:", "SwapPss:"))


def _kib(path: Path, names: tuple[str, ...]) -> int:
    return sum(int(line.split()[1]) for line in _text(path).splitlines() if line.startswith(names))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # gone meanwhile
        return ""


def _shown(readings: list[tuple[float, int]], folder: Path) -> dict[str, list[int]]:
    """What was read while each test ran."""
    times: dict[str, dict[str, float]] = {}
    for line in (folder / "times.txt").read_text().splitlines():
        what, at_s, nodeid = line.split(" ", 2)
        times.setdefault(nodeid, {})[what] = float(at_s)
    return {
        nodeid: [size for at_s, size in readings if when["begin"] <= at_s <= when["end"]]
        for nodeid, when in times.items()
    }


def _print_peak(test: Mapping[str, Any], shown: Mapping[str, list[int]]) -> float:
    name, peak, sizes = test["test"], test["peak_bytes"], shown[test["test"]]
    # Seen twice in a row: of shares that are read one after the other, what is forked in between counts twice.
    highest = max(map(min, pairwise(sizes)))
    off = float(abs(peak - highest) / highest)
    print(f"{name.partition('::')[2]:36}{peak / MB:9.1f}{highest / MB:9.1f}{off:9.1%}{len(sizes):6}")
    return off


if __name__ == "__main__":
    sys.exit(main())
