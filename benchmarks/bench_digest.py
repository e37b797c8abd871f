"""What the digest of a long conversation costs beyond its worker's start, beside reading the same bytes.

    python benchmarks/bench_digest.py [--rounds 7] [--megabytes 100]

Whole processes in turn. "start" is an interpreter with what the digest needs imported and the redaction's rules loaded;
each other one does that and then its work: read the file in 1 MiB blocks; make the digest with the index that the
capture before carried over; make it with a first index of the whole file. "work" is what they took beyond their start,
by their own clock. The same for a million small lines.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from common import Command, Samples, in_turn, parser, print_ratio, print_samples, verdict

from memguard.state.transcript import LineIndex
from tests.long_conversation import LongConversation, write_session

LIMIT_MS = 200.0  # issue of the store: for 100 MB, beyond the worker's start
PROGRAM = """
import os, sys, time
from memguard.handoff.digest import build_digest
from memguard.handoff.facts import Facts
from memguard.state.conversation import read_conversation
from memguard.state.process import empty_process
from memguard.state.project import unknown_git
from memguard.state.redact import redact_text
from memguard.state.transcript import LineIndex
mode, path, state, work = sys.argv[1:]
redact_text("x")
begun_s = time.perf_counter()
descriptor = os.open(path, os.O_RDONLY)
index = LineIndex() if mode == "first" else LineIndex.from_text(open(state).read())
if mode in ("read", "first"):
    at = 0
    while block := os.pread(descriptor, 1048576, at):
        at += len(block)
        if mode == "first":
            index.feed(block)
if mode in ("carried", "first"):
    index.finish()
    record = {
        "id": "x", "t_utc": 1, "session_id": "s", "conversation": read_conversation(descriptor, index),
        "process": empty_process(), "project": {"cwd": "/x", "git": unknown_git(), "open_files": []},
        "restart": {"reason": "x"}, "missing": [],
    }
    digest = build_digest(Facts({}), record, None, "startup")
    assert 500 < len(digest) <= 10000, len(digest)
open(work, "a").write(f"{(time.perf_counter() - begun_s) * 1000}\\n")
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""
ROWS = {"start": "start", "read": "reading all", "carried": "digest, carried index", "first": "digest, first index"}


def main() -> int:
    """Measure both files and print them."""
    arguments = parser(__doc__, 7)
    arguments.add_argument("--megabytes", type=int, default=100, help="size of the long conversation")
    arguments.add_argument("--lines", type=int, default=1000000, help="number of the small lines")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="memguard-bench-") as folder:
        long, many = Path(folder) / "long.jsonl", Path(folder) / "many.jsonl"
        _write_long(long, options.megabytes * 1000000)
        _measure(f"a conversation of {options.megabytes} MB", long, options.rounds)
        _write_many(many, options.lines)
        _measure(f"{options.lines} small lines", many, max(1, options.rounds // 3))
    return 0


def _measure(what: str, path: Path, rounds: int) -> None:
    state, work = path.with_suffix(".state"), {mode: path.with_suffix(f".{mode}") for mode in ROWS}
    state.write_text(_indexed(path))
    argv = {mode: [sys.executable, "-I", "-c", PROGRAM, mode, str(path), str(state), str(work[mode])] for mode in ROWS}
    quiet = {ROWS[mode]: Command(["/bin/sh", "-c", 'exec "$@" >/dev/null', "sh", *argv[mode]], {}) for mode in ROWS}
    print(f"{what}, {path.stat().st_size / 1e6:.0f} MB; saved state of the index: {state.stat().st_size} bytes")
    samples = in_turn(quiet, rounds, warm_up=1)
    works = {mode: _work(ROWS[mode], work[mode], rounds) for mode in ROWS if mode != "start"}
    print_samples([*samples.values(), *works.values()])
    carried_ms = works["carried"].median
    print(f"  digest beyond the start, index carried over: {carried_ms:.0f} ms{verdict(carried_ms, LIMIT_MS, ' ms')}")
    print_ratio("  first index over reading, work only", works["first"], works["read"])
    peaks = {ROWS[mode]: int(subprocess.check_output(argv[mode], timeout=120)) / 1024 for mode in ROWS}
    print("  peak memory, MB: " + ", ".join(f"{name} {peak:.0f}" for name, peak in peaks.items()) + "\n")


def _work(name: str, path: Path, rounds: int) -> Samples:
    samples = Samples(f"  work of: {name}")
    samples.values = [float(line) for line in path.read_text().split()[-rounds:]]
    return samples


def _indexed(path: Path) -> str:
    index = LineIndex()
    with path.open("rb") as file:
        while block := file.read(1048576):
            index.feed(block)
    return index.to_text()


def _write_long(path: Path, size_bytes: int) -> None:
    """The same session again and again, with source code as the output of its tools."""
    conversation = LongConversation(path)
    conversation.fill(500000)
    write_session(conversation, 60)
    part = path.read_bytes()
    with path.open("ab") as file:
        while file.tell() < size_bytes:
            file.write(part)


def _write_many(path: Path, lines: int) -> None:
    user = {"parentUuid": None, "isSidechain": False, "type": "user", "message": {"role": "user", "content": "go on"}}
    answer = {"role": "assistant", "content": [{"type": "text", "text": "done"}]}
    both = [user, {"parentUuid": None, "isSidechain": False, "message": answer, "type": "assistant"}]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in both)
    with path.open("w") as file:
        for _ in range(lines // 2):
            file.write(text)


if __name__ == "__main__":
    sys.exit(main())
