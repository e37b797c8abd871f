"""From the moment that a program crosses its limit until it stands still: memguard, and the peers, in one run.

    python benchmarks/bench_reaction.py [--rounds 20] [--rest-s 60] [--peer-rounds 3] [--no-peers] [--peers-folder DIR]

A guarded session of the leaky client, with default settings and a budget of 500 MB for Bash, rests for `--rest-s`
before each tool call; the call fires the PreToolUse hook as the client does, and runs a program that fills memory at
100 MB/s or at 1 GB/s, in turn. The program notes in a mapped file when it crosses the limit, and each step that it
makes, so that nothing samples it: it stands still from the step that it didn't make. Each peer is installed into a
folder of the benchmark's own, and has the same program under it, once as it comes and once as fast as it can be set,
starting at a random moment of the peer's interval. earlyoom knows the host's memory only, which others use as well:
its limit is what is available at its start less 500 MB.
"""

from __future__ import annotations

import argparse
import math
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import Samples, Sandbox, opted_in_project, parser, verdict
from peers.drive import Peer, peers
from peers.hog_log import HogLog
from peers.install import Installed

from tests.sandbox import wait_until

MIB = 1024 * 1024
LIMIT_MB = 500
LIMIT_BYTES = LIMIT_MB * MIB
RATES_MB_S = (100, 1000)
LIMIT_MS = 50
STEP_S = 1 / 1000  # the program's, at 1 GB/s; at 100 MB/s ten times that
# The first call of the session does nothing: until the next one, the session is at rest.
TOOL = """\
[ -f {folder}/command ] || exit 0
read -r command < {folder}/command
rm {folder}/command
eval "exec $command"
"""


def main() -> int:
    """Measure memguard, then the peers, print."""
    options = _options()
    print(f"limit {LIMIT_MB} MB; ms from crossing it to standing still", flush=True)
    with opted_in_project() as sandbox, tempfile.TemporaryDirectory(prefix="memguard-hog-") as folder:
        ours = _guarded(sandbox, Path(folder), options)
    for rate, samples in ours.items():
        _report(samples, rate)
    if not options.no_peers:
        with tempfile.TemporaryDirectory(prefix="memguard-peers-") as folder:
            _peers(Installed(options.peers_folder or Path(folder)), options.peer_rounds, ours)
    return 0


def _options() -> argparse.Namespace:
    arguments = parser(__doc__, 20)
    arguments.add_argument("--rest-s", type=float, default=60, help="seconds at rest before a tool call (default: 60)")
    arguments.add_argument("--peer-rounds", type=int, default=3, help="how often each peer is measured (default: 3)")
    arguments.add_argument("--no-peers", action="store_true", help="measure memguard alone")
    arguments.add_argument("--peers-folder", type=Path, help="where the peers are or go (default: a temporary folder)")
    return arguments.parse_args()


def _guarded(sandbox: Sandbox, folder: Path, options: argparse.Namespace) -> dict[int, Samples]:
    """A session for each round, since the first tool that is ended costs more than the next; the rates in turn."""
    sandbox.config(f"[tools]\nBash = {LIMIT_MB}\n")
    sandbox.memguard("init")
    tool = folder / "tool.sh"
    tool.write_text(TOOL.format(folder=folder))
    ours = {rate: Samples(f"memguard, {rate} MB/s") for rate in RATES_MB_S}
    for number in range(options.rounds):
        with _session(sandbox, f"exec /bin/sh {tool}", len(RATES_MB_S) + 1, options.rest_s):
            for rate in RATES_MB_S if number % 2 else reversed(RATES_MB_S):
                log = HogLog(folder / f"log-{number}-{rate}", rate, LIMIT_BYTES)
                _hand_over(folder, log.command)
                took_s = log.reaction_s(options.rest_s + 60)
                ours[rate].values.append((took_s + STEP_S * max(RATES_MB_S) / rate) * 1000)
                frozen = _frozen(sandbox, sum(len(samples.values) for samples in ours.values()))
                over_mb = (frozen["footprint_bytes"] - LIMIT_BYTES) / MIB
                said = f"{rate} MB/s (reached {log.reached_mb_s:.0f}): {ours[rate].values[-1]:.1f} ms"
                print(f"  {said}, {over_mb:.0f} MB over when looked at", flush=True)
    return ours


def _hand_over(folder: Path, command: list[str]) -> None:
    """The next tool call runs this."""
    temporary = folder / "command.new"
    temporary.write_text(shlex.join(command) + "\n")
    temporary.rename(folder / "command")


def _frozen(sandbox: Sandbox, count: int) -> dict[str, Any]:
    """The event of the freeze that just was: it was memguard, and it was the tool."""
    wait_until(lambda: len(sandbox.events("part_ended")) >= count, "the end of the tool", 60)
    event = sandbox.events("part_frozen")[-1]
    if event["kind"] != "tool":
        raise RuntimeError(f"another part was frozen: {event}")
    return event


@contextmanager
def _session(sandbox: Sandbox, tool: str, steps: int, rest_s: float) -> Iterator[None]:
    before = _calls(sandbox)
    session = sandbox.start(
        "--steps", str(steps), "--step-s", str(rest_s), "--leak-mb", "1", f"--tool={tool}", "--hold", "count"
    )
    try:
        wait_until(lambda: _calls(sandbox) > before, "the first tool call")
        yield
    finally:
        session.terminate()
        try:
            session.wait(20)
        except subprocess.TimeoutExpired:
            session.kill()


def _calls(sandbox: Sandbox) -> int:
    return sum(line["event"] == "PostToolUse" for line in sandbox.spool())


def _report(samples: Samples, rate: int) -> None:
    worst = _high(samples.values)
    print(f"memguard, {rate} MB/s: median {samples.median:.1f} ms, 95 % {worst:.1f}{verdict(worst, LIMIT_MS, ' ms')}")


def _high(values: list[float]) -> float:
    """The 95th percentile; the largest of fewer than 20."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def _peers(installed: Installed, rounds: int, ours: dict[int, Samples]) -> None:
    print(f"\n{'peer':22}{'setting':36}{'MB/s':>6}{'median s':>10}{'most s':>9}{'x memguard':>12}")
    for peer in peers():
        refusal = peer.refusal(installed)
        if refusal:
            print(f"{peer.name:22}{peer.setting:36} not run: {refusal}")
            continue
        for rate in RATES_MB_S:
            took_s = [_peer_s(peer, installed, rate) for _ in range(rounds)]
            median_s = sorted(took_s)[len(took_s) // 2]
            ratio = median_s * 1000 / ours[rate].median
            print(f"{peer.name:22}{peer.setting:36}{rate:6}{median_s:10.2f}{max(took_s):9.2f}{ratio:12.0f}", flush=True)


def _peer_s(peer: Peer, installed: Installed, rate: int) -> float:
    """One run; infinite where it didn't act in time."""
    delay_s = random.uniform(0, peer.interval_s)  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="memguard-peer-") as folder:
        log = HogLog(Path(folder) / "log", rate, LIMIT_BYTES, "rss", delay_s)
        with peer.running(installed, Path(folder), log.command, LIMIT_BYTES):
            try:
                return log.reaction_s(delay_s + peer.timeout_s)
            except TimeoutError:
                return math.inf


if __name__ == "__main__":
    begun_s = time.monotonic()
    code = main()
    print(f"took {time.monotonic() - begun_s:.0f} s")
    sys.exit(code)
