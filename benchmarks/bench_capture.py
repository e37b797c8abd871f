"""What a capture costs, beside reading, zstd level 3, AES-GCM in 1 MiB chunks and fsync of the same bytes.

    python benchmarks/bench_capture.py [--rounds 7] [--megabytes 30 100]

Both are whole processes, so the interpreter's start and the imports of zstandard and cryptography are in both; "limit,
work only" is the limit without them. The worker also redacts, indexes, opens what it wrote again, asks git, and locks.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common import Command, Samples, in_turn, parser, print_ratio, print_samples

from tests.transcripts import Box

# Issue of the store: with redaction at most six times the limit, and 160 MB of memory.
LIMIT = 6.0
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
open(sys.argv[3], "a").write(f"{(time.perf_counter() - begun_s) * 1000}\\n")
"""
PEAK_PROGRAM = """
import sys
from memguard.state.capture import main
code = main(sys.argv[1:])
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
sys.exit(code)
"""


def main() -> int:
    """Measure each size and print it."""
    arguments = parser(__doc__, 7)
    arguments.add_argument("--megabytes", type=int, nargs="+", default=[30, 100], help="sizes of the transcript")
    options = arguments.parse_args()
    for megabytes in options.megabytes:
        with tempfile.TemporaryDirectory(prefix="memguard-bench-") as folder:
            _measure(Path(folder), megabytes, options.rounds)
    return 0


def _measure(folder: Path, megabytes: int, rounds: int) -> None:
    box = Box(folder)
    _fill(box, megabytes * 1000000)
    work = folder / "work"
    limit = [sys.executable, "-I", "-c", LIMIT_PROGRAM, str(box.transcript.path), str(folder / "limit"), str(work)]
    names = (f"capture of {megabytes} MB", "limit, whole process")
    commands = {name: Command(argv, box.environment()) for name, argv in zip(names, (_quiet(box), limit), strict=True)}
    samples = in_turn(commands, rounds, warm_up=1)
    only = Samples("limit, work only")
    only.values = [float(line) for line in work.read_text().split()[-rounds:]]
    print_samples([*samples.values(), only])
    print_ratio("capture over limit, whole processes", samples[names[0]], samples[names[1]])
    print_ratio("whole capture over the limit's work only", samples[names[0]], only, LIMIT)
    _print_details(box)


def _quiet(box: Box) -> list[str]:
    return ["/bin/sh", "-c", 'exec "$@" >/dev/null', "sh", *box.command()]


def _print_details(box: Box) -> None:
    timed = subprocess.run(
        box.command(timings="1"), env=box.environment(), capture_output=True, text=True, check=True, timeout=120
    )
    steps = json.loads(timed.stderr)
    print("  where the time goes, ms: " + ", ".join(f"{name} {seconds * 1000:.0f}" for name, seconds in steps.items()))
    command = [sys.executable, "-c", PEAK_PROGRAM, *box.arguments()]
    peak = subprocess.run(command, env=box.environment(), capture_output=True, text=True, check=True, timeout=120)
    print(f"  peak memory of the worker: {int(peak.stdout.split()[-1]) / 1024:.0f} MB")
    about = box.store.about(box.store.ids()[0])
    print(f"  sealed to {int(about['transcript_sealed_bytes']) / 1e6:.1f} MB\n")


def _fill(box: Box, size_bytes: int) -> None:
    """Tool calls whose output is source code, as in a long session; the same at every run."""
    chance = random.Random(7)  # noqa: S311
    text = "".join(_sources())
    while box.transcript.path.stat().st_size < size_bytes:
        for _ in range(200):
            start = chance.randrange(len(text) - 12000)
            piece = text[start : start + chance.randrange(200, 12000)]
            box.transcript.prompt(piece[:300])
            call = box.transcript.calls("Bash", {"command": piece[:500]})
            box.transcript.result(call, piece, {"stdout": piece, "stderr": ""})


def _sources() -> Iterator[str]:
    folder = Path(json.__file__).parent.parent
    for path in sorted(folder.glob("*.py"))[:120]:
        yield path.read_text(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
