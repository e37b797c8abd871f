"""What a first capture costs, beside reading, zstd level 3, AES-GCM in 1 MiB chunks and fsync of the same bytes.

    python benchmarks/bench_capture.py [--rounds 5] [--megabytes 100]

Both are whole processes, so the interpreter's start and the imports of zstandard and cryptography are in both; "limit,
work only" is the limit without them, and what the verdicts are held against. The worker also compares, indexes, opens
what it wrote again, asks git, and locks; each capture is the first one of its state folder, which has its keys.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import Samples, parser, print_ratio, print_samples, verdict
from conversations import Talk

from memguard.state.keys import public_key
from tests.transcripts import Box

EXACT, REDACTED, LIBRARY = "exact", "redacted", "redacted by a library"
# Of the store's issue: how many times the limit, and how many MB of memory.
LIMITS = {EXACT: (2.0, 64), REDACTED: (6.0, 160), LIBRARY: (6.0, 160)}
LIMIT = "limit, whole process"
LIMIT_ONLY = "limit, work only"
LIMIT_PROGRAM = """
import os, sys, time
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
begun_s = time.perf_counter()
aead, zstd, pending, number = AESGCM(os.urandom(32)), zstandard.ZstdCompressor(level=3).compressobj(), b"", 0
with open(sys.argv[1], "rb", buffering=0) as source, open(sys.argv[2], "wb", buffering=0) as sink:
    while data := source.read(1048576):
        pending += zstd.compress(data)
        while len(pending) >= 1048576:
            sink.write(aead.encrypt(number.to_bytes(12, "big"), pending[:1048576], None))
            pending, number = pending[1048576:], number + 1
    sink.write(aead.encrypt(number.to_bytes(12, "big"), pending + zstd.flush(), None))
    os.fsync(sink.fileno())
print((time.perf_counter() - begun_s) * 1000)
"""
# The peak by the worker's own /proc: `wait4` counts what this process holds, since it was one with it until its exec.
COMPILE_PROGRAM = """
import sys
from memguard.state import redact
redact.prepare(sys.argv[1], compiles=True)
sys.exit(redact.trouble() or 0)
"""
WORKER_PROGRAM = """
import sys
from memguard.state.capture import main
code = main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""


def main() -> int:
    """Measure each size and print it."""
    arguments = parser(__doc__, 5)
    arguments.add_argument("--megabytes", type=int, nargs="+", default=[100], help="sizes of the transcript")
    options = arguments.parse_args()
    for megabytes in options.megabytes:
        with tempfile.TemporaryDirectory(prefix="memguard-bench-") as folder:
            FirstCapture(Path(folder), megabytes).measure(options.rounds)
    return 0


class FirstCapture:
    """One conversation, and state folders that know nothing of it."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._box = Box(folder)
        self._megabytes = megabytes
        self._sink = folder / "limit"
        self._kinds = [kind for kind in LIMITS if kind != LIBRARY or importlib.util.find_spec("kingfisher_sdk")]
        self._states = {kind: folder / kind for kind in self._kinds}
        for kind, state in self._states.items():
            public_key(str(state))
            if kind == LIBRARY:
                subprocess.run([sys.executable, "-c", COMPILE_PROGRAM, str(state)], check=True)
        Talk().fill(self._box.transcript, megabytes * 1000000)
        self._peaks_mb: dict[str, float] = {}
        self._steps: dict[str, dict[str, float]] = {}
        self._cpu_ms: dict[str, float] = {}

    def measure(self, rounds: int) -> None:
        """All of them in turn, the first round not counted; print."""
        samples = {name: Samples(name) for name in (*map(self._called, self._kinds), LIMIT, LIMIT_ONLY)}
        for number in range(-1, rounds):
            self._cpu_ms.clear()
            for name, elapsed_ms in self._round():
                if number >= 0:
                    samples[name].values.append(elapsed_ms)
        print_samples(list(samples.values()))
        for kind in self._kinds:
            name, peak_mb, (most, most_mb) = self._called(kind), self._peaks_mb[kind], LIMITS[kind]
            print_ratio(f"{name} over limit, whole processes", samples[name], samples[LIMIT])
            print_ratio(f"whole {name} over the limit's work only", samples[name], samples[LIMIT_ONLY], most)
            print(f"  peak memory of the worker: {peak_mb:.0f} MB{verdict(peak_mb, most_mb, ' MB')}")
            steps = (f"{step} {seconds * 1000:.0f}" for step, seconds in self._steps[kind].items())
            print(f"  where the time goes, ms: {', '.join(steps)}")
        cpu = (f"{name} {cpu_ms:.0f}" for name, cpu_ms in self._cpu_ms.items())
        print(f"  processor time of the last round, ms: {', '.join(cpu)}")
        print(f"  sealed to {int(self._box.store.about(self._box.store.ids()[0])['segments_bytes']) / 1e6:.1f} MB\n")

    def _called(self, kind: str) -> str:
        return f"{self._megabytes} MB, {kind}"

    def _round(self) -> list[tuple[str, float]]:
        measured = [(self._called(kind), self._capture(kind)) for kind in self._kinds]
        command = [sys.executable, "-I", "-c", LIMIT_PROGRAM, str(self._box.transcript.path), str(self._sink)]
        done, elapsed_ms = self._run(LIMIT, command)
        return [*measured, (LIMIT, elapsed_ms), (LIMIT_ONLY, float(done.stdout))]

    def _run(self, name: str, command: list[str]) -> tuple[subprocess.CompletedProcess[str], float]:
        """Run it to its end; what it said, and how long it took in milliseconds."""
        os.sync()  # what was written before is not this one's to wait for
        before, begun_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, env=self._box.environment(), capture_output=True, text=True, check=True)
        elapsed_ms, after = (time.perf_counter() - begun_s) * 1000, resource.getrusage(resource.RUSAGE_CHILDREN)
        self._cpu_ms[name] = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000
        return done, elapsed_ms

    def _capture(self, kind: str) -> float:
        """Of a state folder with nothing but keys, a setting and compiled rules; milliseconds."""
        box = self._box
        shutil.rmtree(box.state, ignore_errors=True)
        shutil.copytree(self._states[kind], box.state)
        box.compile(privacy="exact" if kind == EXACT else "redacted")
        command = [sys.executable, "-I", "-c", WORKER_PROGRAM, *box.arguments(timings="1")]
        done, elapsed_ms = self._run(self._called(kind), command)
        self._steps[kind] = json.loads(done.stderr)
        self._peaks_mb[kind] = max(self._peaks_mb.get(kind, 0), int(done.stdout.split()[-1]) / 1024)
        return elapsed_ms


if __name__ == "__main__":
    sys.exit(main())
