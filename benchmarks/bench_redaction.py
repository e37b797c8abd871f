"""What redaction finds, what it takes for a secret that is none, and how fast it is, beside reading and zstd level 3.

    python benchmarks/bench_redaction.py [--rounds 5] [--seed 7] [--megabytes 16] [--rules 1000]

Each figure twice: memguard's own set alone, and with the library (extra `secrets`) where it is installed. Recall and
precision on the corpus of `tests/secret_corpus.py`, and recall on secrets drawn from the library's own rules.
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from common import Command, Samples, in_turn, parser, print_ratio
from conversations import Talk
from rule_examples import examples

from memguard.state import redact
from tests.secret_corpus import PLACES, SEED, Sample, corpus, is_gone, is_kept
from tests.transcripts import Box

PROGRAM = """
import resource, sys, time
mode, path, state, work = sys.argv[1:]
begun_s = time.perf_counter()
if mode == "limit":
    import zstandard
    take = zstandard.ZstdCompressor(level=3).compressobj().compress
else:
    from memguard.state import redact
    if mode == "library":
        redact.prepare(state, compiles=True)
        assert "kingfisher" in redact.rules_id(), redact.trouble()
    take = redact.Redactor().feed
ready_s = time.perf_counter()
with open(path, "rb", buffering=0) as source:
    while block := source.read(1048576):
        take(block)
done_s = time.perf_counter()
peak_kb = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
open(work, "a").write(f"{mode} {(done_s - ready_s) * 1000} {(ready_s - begun_s) * 1000} {peak_kb}\\n")
"""
OWN, LIBRARY, LIMIT = "own", "library", "limit"
NAMES = {OWN: "own set alone", LIBRARY: "with the library", LIMIT: "read and zstd level 3"}


def main() -> int:
    """Measure and print."""
    arguments = parser(__doc__, 5)
    arguments.add_argument("--seed", type=int, default=SEED, help="what corpus and examples are drawn from")
    arguments.add_argument("--megabytes", type=int, default=16, help="size of the transcript that speed is measured on")
    arguments.add_argument("--rules", type=int, default=1000, help="how many of the library's rules are asked about")
    options = arguments.parse_args()
    has_library = importlib.util.find_spec("kingfisher_sdk") is not None
    with tempfile.TemporaryDirectory(prefix="memguard-bench-") as folder:
        print(f"seed {options.seed}")
        _speed(Path(folder), options.megabytes, options.rounds, has_library=has_library)
        drawn = _drawn_from_rules(Path(folder), options.seed, options.rules) if has_library else []
        _found(options.seed, drawn)
        if has_library:
            redact.prepare(folder, compiles=True)
            _found(options.seed, drawn)
        else:
            print("the library is not installed: pip install 'claude-memguard[secrets]'")
    return 0


def _found(seed: int, drawn: list[tuple[str, str, str]]) -> None:
    """Recall and precision of what is in use now."""
    print(f"\n{redact.rules_id()}")
    missed: Counter[str] = Counter()
    torn: Counter[str] = Counter()
    samples = list(corpus(seed))
    for sample in samples:
        redacted = redact.redact_bytes(sample.line)
        if sample.is_secret and not is_gone(sample, redacted):
            missed[sample.kind] += 1
        elif not sample.is_secret and not is_kept(sample, redacted):
            torn[sample.kind] += 1
    _print_corpus(samples, missed, torn)
    if drawn:
        _print_drawn(drawn)


def _print_corpus(samples: list[Sample], missed: Counter[str], torn: Counter[str]) -> None:
    kinds = {sample.kind for sample in samples if sample.is_secret}
    secrets = sum(sample.is_secret for sample in samples)
    found, others = secrets - missed.total(), len(samples) - secrets
    precision = found / (found + torn.total())
    print(f"  corpus: {secrets} secrets of {len(kinds)} kinds in {len(PLACES)} places, {others} look-alikes")
    print(f"  recall {found / secrets:.4f}   precision {precision:.4f}")
    print(f"  missed: {dict(missed) or 'none'}   look-alikes taken for secrets: {dict(torn) or 'none'}")


def _print_drawn(drawn: list[tuple[str, str, str]]) -> None:
    """How many of the secrets drawn from the library's rules are gone, in a tool's output and in JSON in a string."""
    rules = {rule for rule, _, _ in drawn}
    for place in ("tool output", "json in a string"):
        gone = [rule for rule, text, secret in drawn if _is_gone(place, text, secret)]
        share = f"{len(gone)} of {len(drawn)} gone ({len(gone) / len(drawn):.3f})"
        print(f"  drawn from {len(rules)} rules, in {place}: {share}")


def _is_gone(place: str, text: str, secret: str) -> bool:
    line = json.dumps(PLACES[place](text)).encode() + b"\n"
    sample = Sample("", place, line, secret, is_secret=True)
    return is_gone(sample, redact.redact_bytes(line))


def _drawn_from_rules(folder: Path, seed: int, most_rules: int) -> list[tuple[str, str, str]]:
    """Rule, text and secret, of those texts that the library itself finds a secret in when they stand alone."""
    import kingfisher_sdk

    chance = random.Random(seed)  # noqa: S311
    rules = kingfisher_sdk.Rules(cache_dir=folder / "rules")
    scanner = kingfisher_sdk.Scanner(rules, base64=True, dedup=False)
    drawn: list[tuple[str, str, str]] = []
    visible = [rule["id"] for rule in rules.metadata() if rule["visible"]][:most_rules]
    for rule in visible:
        for text in examples(rules.detail(rule)["pattern"], chance, 3):
            own = [one.secret for one in scanner.scan(text.encode()) if one.rule_id == rule and len(one.secret) > 7]
            drawn += [(rule, text, secret) for secret in own[:1]]
    print(
        f"{len(visible)} rules that report secrets, {len({rule for rule, _, _ in drawn})} find what is drawn from them"
    )
    return drawn


def _speed(folder: Path, megabytes: int, rounds: int, *, has_library: bool) -> None:
    box = Box(folder)
    Talk().fill(box.transcript, megabytes * 1000000)
    path, work = box.transcript.path, folder / "work"
    modes = [OWN, LIBRARY, LIMIT] if has_library else [OWN, LIMIT]
    commands = {
        mode: Command([sys.executable, "-c", PROGRAM, mode, str(path), str(folder), str(work)], box.environment())
        for mode in modes
    }
    in_turn(commands, rounds, warm_up=1)
    lines = [line.split() for line in work.read_text().splitlines()]
    cold_ms = next((float(line[2]) for line in lines if line[0] == LIBRARY), 0.0)
    samples = {mode: _samples(mode, lines[len(modes) :]) for mode in modes}
    for mode in modes:
        peak_mb = max(int(line[3]) for line in lines if line[0] == mode) / 1024
        speed = path.stat().st_size / 1000 / samples[mode].median
        print(f"{NAMES[mode]:24}{speed:8.1f} MB/s   peak memory {peak_mb:.0f} MB")
    for mode in modes[:-1]:
        print_ratio(f"{NAMES[mode]} / {NAMES[LIMIT]}", samples[mode], samples[LIMIT])
    if has_library:
        ready = sorted(float(line[2]) for line in lines[len(modes) :] if line[0] == LIBRARY)
        print(f"library ready after {cold_ms:.0f} ms the first time, {ready[len(ready) // 2]:.0f} ms from its folder")


def _samples(mode: str, lines: list[list[str]]) -> Samples:
    samples = Samples(NAMES[mode])
    samples.values = [float(line[1]) for line in lines if line[0] == mode]
    return samples


if __name__ == "__main__":
    sys.exit(main())
