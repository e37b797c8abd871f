"""What stays resident: watchdog and launcher of an idle guarded session, beside an interpreter that sleeps.

    python benchmarks/bench_resident.py [--idle 30] [--settle 5] [--after-restart]

USS is what a process has for itself alone (`Private_*` of smaps_rollup), RSS includes the pages of libraries and of the
interpreter that all Pythons share. The client is the leaky client after its turn, holding still.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from common import Sandbox, opted_in_project, parser, verdict

from tests.sandbox import wait_until

MIB = 1024 * 1024
USS_LIMIT_MIB = 6
RSS_LIMIT_MIB = 14


def main() -> int:
    """Start a session, let it idle, read it, print."""
    arguments = parser(__doc__, 10)
    arguments.add_argument("--settle", type=float, default=5, help="seconds before the first reading (default: 5)")
    arguments.add_argument("--idle", type=float, default=30, help="seconds that CPU time is counted over (default: 30)")
    arguments.add_argument("--after-restart", action="store_true", help="restart the client once before")
    options = arguments.parse_args()
    with (
        opted_in_project() as sandbox,
        _session(sandbox, is_restarted=options.after_restart) as launcher_pid,
        _bare() as bare_pid,
    ):
        residents = [
            Resident("bare interpreter, sleeping", bare_pid),
            Resident("watchdog", sandbox.watchdog_pid()),
            Resident("launcher", launcher_pid),
        ]
        time.sleep(options.settle)
        for _ in range(options.rounds):
            _read_in_turn(residents, options.idle / options.rounds)
    _report(residents)
    return 0


@contextmanager
def _session(sandbox: Sandbox, *, is_restarted: bool) -> Iterator[int]:
    """A guarded client that has finished its turn; the launcher's pid."""
    session = sandbox.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    try:
        wait_until(lambda: any(line["event"] == "Stop" for line in sandbox.spool()), "the turn is over")
        wait_until(sandbox.watchdog_pid, "a watchdog")
        if is_restarted:
            sandbox.memguard("restart")
            wait_until(lambda: sandbox.events("restart_completed"), "the restart is over", 60)
        yield session.pid
    finally:
        session.terminate()
        session.wait(20)


@contextmanager
def _bare() -> Iterator[int]:
    bare = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(3600)"])
    try:
        yield bare.pid
    finally:
        bare.kill()
        bare.wait()


class Resident:
    """One process: its memory at each reading, and its CPU time between the first reading and the last."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.uss_mib: list[float] = []
        self.rss_mib: list[float] = []
        self.cpu_s: list[float] = []
        self.read_s: list[float] = []

    def read(self) -> None:
        """Take one reading."""
        sizes = _rollup_bytes(self.pid)
        self.uss_mib.append(sum(size for name, size in sizes.items() if name.startswith("Private_")) / MIB)
        self.rss_mib.append(sizes["Rss"] / MIB)
        self.cpu_s.append(_cpu_s(self.pid))
        self.read_s.append(time.monotonic())

    @property
    def cpu_share(self) -> float:
        """CPU time per time passed."""
        return (self.cpu_s[-1] - self.cpu_s[0]) / (self.read_s[-1] - self.read_s[0])


def _rollup_bytes(pid: int) -> dict[str, int]:
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        words = [line.split() for line in file if line.endswith("kB\n")]
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in words}


def _cpu_s(pid: int) -> float:
    """CPU time of all threads to the nanosecond, where the kernel keeps it; else in clock ticks of 10 ms."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9  # both have one thread
    except OSError:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read_in_turn(residents: list[Resident], pause_s: float) -> None:
    for resident in residents:
        resident.read()
    time.sleep(pause_s)


def _report(residents: list[Resident]) -> None:
    bare = residents[0]
    print(f"{'MiB':30}{'USS':>8}{'max':>8}{'x bare':>8}{'RSS':>8}{'max':>8}{'x bare':>8}{'CPU':>10}")
    for each in residents:
        uss, rss = max(each.uss_mib), max(each.rss_mib)
        print(
            f"{each.name:30}{each.uss_mib[-1]:8.2f}{uss:8.2f}{uss / max(bare.uss_mib):8.2f}"
            f"{each.rss_mib[-1]:8.2f}{rss:8.2f}{rss / max(bare.rss_mib):8.2f}{each.cpu_share:10.4%}"
        )
    for each in residents[1:]:
        print(f"{each.name} USS{verdict(max(each.uss_mib), USS_LIMIT_MIB, ' MiB')}")
        print(f"{each.name} RSS{verdict(max(each.rss_mib), RSS_LIMIT_MIB, ' MiB')}")


if __name__ == "__main__":
    sys.exit(main())
