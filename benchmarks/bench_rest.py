"""What the watchdog costs at rest, by the headroom that is left, beside bare Python that polls the same tree.

    python benchmarks/bench_rest.py [--rounds 1] [--over 60] [--settle 8]

A guarded session whose (leaky) client has finished its turn holds still with a tree of ten processes; the limits are
set so that 8 GB, 1 GB and 100 MB are left below the nearest one, one session after the other: first polled
(`process-tree`), then with the best containment that the host allows, where the kernel may report the limit. CPU time
is that of `schedstat`, in nanoseconds. The floor is an interpreter that reads stat, status and children of the same
ten processes in the same seconds, as often as the watchdog was counted to wake in the seconds before.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common import Sandbox, opted_in_project, parser, verdict

from memguard.core.units import format_size
from memguard.host.current import read_tree
from tests.sandbox import wait_until

MIB = 1024 * 1024
HEADROOMS_MIB = (8192, 1024, 100)
LIMIT_PERCENT = 0.1  # of a core, with 8 GB of headroom
USS_LIMIT_MIB = 6
CHILDREN = 9  # and the client makes ten
WORDS = ("--steps", "1", "--leak-mb", "1", "--hold", "count")
UNGUARDED_S = 2.0
# The watchdog wakes seldom: so long are its wakes counted, to poll as often.
COUNTED_S = 20.0
POLLER = """\
import os, sys, time
pids, pause_s = sys.argv[2].split(","), float(sys.argv[1])
while True:
    for pid in pids:
        for name in ("stat", "status", f"task/{pid}/children"):
            descriptor = os.open(f"/proc/{pid}/{name}", os.O_RDONLY)
            os.read(descriptor, 16384)
            os.close(descriptor)
    time.sleep(pause_s)
"""


def main() -> int:
    """Measure one headroom after the other, print."""
    arguments = parser(__doc__, 1)
    arguments.add_argument("--over", type=float, default=60, help="seconds that CPU time is counted over (default: 60)")
    arguments.add_argument("--settle", type=float, default=8, help="seconds before that (default: 8)")
    options = arguments.parse_args()
    print(f"{'':14}{'headroom':10}{'wakes/s':>9}{'watchdog':>10}{'bare poller':>13}{'ratio':>7}{'USS MiB':>9}")
    for mechanism in ("process-tree", "auto"):
        for headroom_mib in HEADROOMS_MIB:
            for _ in range(options.rounds):
                _print(_measured(mechanism, headroom_mib, options.settle, options.over))
    return 0


class Row:
    """One headroom's figures."""

    def __init__(
        self, mechanism: str, headroom_mib: int, wakes_per_s: float, shares: list[float], uss_mib: float
    ) -> None:
        self.mechanism = mechanism
        self.headroom_mib = headroom_mib
        self.wakes_per_s = wakes_per_s
        self.share, self.floor_share = shares
        self.uss_mib = uss_mib


def _measured(mechanism: str, headroom_mib: int, settle_s: float, over_s: float) -> Row:
    with opted_in_project() as sandbox, _session(sandbox, mechanism, headroom_mib) as pid:
        time.sleep(settle_s)
        pids = [process.pid for process in read_tree(sandbox.client_pid()).processes]
        if len(pids) != CHILDREN + 1:
            raise RuntimeError(f"the tree has {len(pids)} processes")
        wakes_per_s = _wakes_per_s(pid)
        with _poller(pids, 1 / wakes_per_s) as poller_pid:
            shares = _cpu_shares([pid, poller_pid], over_s)
        return Row(mechanism, headroom_mib, wakes_per_s, shares, _uss_mib(pid))


@contextmanager
def _session(sandbox: Sandbox, mechanism: str, headroom_mib: int) -> Iterator[int]:
    """A guarded client at rest, so much below its nearest limit; the watchdog's pid."""
    client = _with_children(sandbox)
    held_mb = _held_mb(sandbox, client)
    warning = held_mb + headroom_mib
    limits = f"[thresholds]\nwarning = {warning}\ncritical = {2 * warning}\nemergency = {3 * warning}\n"
    sandbox.config(f'{limits}[containment]\nmechanism = "{mechanism}"\n')
    sandbox.memguard("init")
    session = _start(sandbox, client)
    try:
        yield int(wait_until(sandbox.watchdog_pid, "a watchdog"))
    finally:
        session.terminate()
        session.wait(20)


def _with_children(sandbox: Sandbox) -> str:
    """The leaky client under a shell that has started nine idle programs and becomes it."""
    path = sandbox.folder / "claude-with-children"
    idle = f'"{sys.executable}" -I -S -c "import time; time.sleep(3600)" &\n'
    path.write_text(f'#!/bin/sh\n{idle * CHILDREN}exec "{sandbox.leaky_client()}" "$@"\n')
    path.chmod(0o700)
    return str(path)


def _start(sandbox: Sandbox, client: str) -> subprocess.Popen[bytes]:
    session = _popen(sandbox, sandbox.command("run", "--client", client, "--", *WORDS), sandbox.project)
    wait_until(lambda: any(line["event"] == "Stop" for line in sandbox.spool()), "the turn is over")
    wait_until(lambda: len(read_tree(sandbox.client_pid()).processes) == CHILDREN + 1, "ten processes")
    return session


def _held_mb(sandbox: Sandbox, client: str) -> int:
    """What such a tree holds, once it is still: the same client, in a folder without hooks."""
    bare = _popen(sandbox, [client, *WORDS], sandbox.home)
    try:
        wait_until(lambda: len(read_tree(bare.pid).processes) == CHILDREN + 1, "ten processes")
        time.sleep(UNGUARDED_S)
        return read_tree(bare.pid).footprint_bytes // MIB
    finally:
        bare.terminate()
        bare.wait(20)
        sandbox.clean_up()


def _popen(sandbox: Sandbox, command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, cwd=folder, env=sandbox.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )  # fmt: skip


@contextmanager
def _poller(pids: list[int], pause_s: float) -> Iterator[int]:
    command = [sys.executable, "-I", "-S", "-c", POLLER, str(pause_s), ",".join(map(str, pids))]
    poller = subprocess.Popen(command)
    try:
        time.sleep(1)
        yield poller.pid
    finally:
        poller.kill()
        poller.wait()


def _wakes_per_s(pid: int) -> float:
    """How often it slept and woke, by the kernel's count of times that it gave the processor up."""
    before = _sleeps(pid)
    time.sleep(COUNTED_S)
    return max(1, _sleeps(pid) - before) / COUNTED_S


def _sleeps(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("voluntary_ctxt_switches")))


def _cpu_shares(pids: list[int], over_s: float) -> list[float]:
    before, begun_s = [_cpu_s(pid) for pid in pids], time.monotonic()
    time.sleep(over_s)
    passed_s = time.monotonic() - begun_s
    return [(_cpu_s(pid) - earlier_s) / passed_s for pid, earlier_s in zip(pids, before, strict=True)]


def _cpu_s(pid: int) -> float:
    """CPU time to the nanosecond; both have one thread."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _uss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def _print(row: Row) -> None:
    size = format_size(row.headroom_mib * MIB)
    print(
        f"{row.mechanism:14}{size:10}{row.wakes_per_s:9.2f}{row.share:10.3%}{row.floor_share:13.3%}"
        f"{row.share / row.floor_share:7.1f}{row.uss_mib:9.2f}",
        flush=True,
    )
    if row.headroom_mib == HEADROOMS_MIB[0]:
        percent = row.share * 100
        print(f"  watchdog, CPU in % of a core: {percent:.3f}{verdict(percent, LIMIT_PERCENT, ' %')}")
    print(f"  watchdog, USS: {row.uss_mib:.2f} MiB{verdict(row.uss_mib, USS_LIMIT_MIB, ' MiB')}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
