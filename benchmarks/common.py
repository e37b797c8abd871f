"""What the benchmarks share: commands timed in turn, medians and their ratios, and an opted-in project of one's own.

The machine is shared and noisy, so no figure stands alone: two commands are run in turn, in the same minute, and what
is held against a limit is the ratio of their medians. Absolute times are printed beside, as information.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The benchmarks are scripts, and set their stage up as the tests do. Importing this module makes `tests` importable.
sys.path.insert(0, str(ROOT))

from tests.sandbox import Sandbox  # noqa: E402  -- needs the path above

__all__ = [
    "ROOT",
    "Command",
    "Samples",
    "Sandbox",
    "in_turn",
    "opted_in_project",
    "parser",
    "print_ratio",
    "print_samples",
]


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """A command line with `--rounds`; the rest is the script's own."""
    made = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    made.add_argument("--rounds", type=int, default=rounds, help=f"how often each is measured (default: {rounds})")
    return made


class Command:
    """A process to be timed from its start until it is reaped, with `stdin` waiting for it in a pipe."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], stdin: bytes = b"") -> None:
        self.argv = list(argv)
        self.environment = dict(environment)
        self.stdin = stdin

    def run_s(self) -> float:
        """Run it once; seconds. RuntimeError when it does not exit with 0."""
        reader = _pipe_with(self.stdin)
        actions = [(os.POSIX_SPAWN_DUP2, reader, 0)]
        begun_s = time.perf_counter()
        pid = os.posix_spawn(self.argv[0], self.argv, self.environment, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        elapsed_s = time.perf_counter() - begun_s
        os.close(reader)
        if status:
            raise RuntimeError(f"{self.argv} ended with wait status {status}")
        return elapsed_s


def _pipe_with(data: bytes) -> int:
    """The reading end of a pipe that holds `data` (at most a pipe's 64 KiB) and then ends."""
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return reader


class Samples:
    """Measurements of one thing, in `unit`."""

    def __init__(self, name: str, unit: str = "ms") -> None:
        self.name = name
        self.unit = unit
        self.values: list[float] = []

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def over(self, reference: Samples) -> tuple[float, float, float]:
        """The ratio of the medians, then the least and the largest ratio of two that were measured in one round."""
        pairs = [mine / other for mine, other in zip(self.values, reference.values, strict=True)]
        return self.median / reference.median, min(pairs), max(pairs)


def in_turn(commands: Mapping[str, Command], rounds: int, warm_up: int = 3) -> dict[str, Samples]:
    """Run all commands `rounds` times, one of each per round; milliseconds by name. The first rounds fill caches."""
    samples = {name: Samples(name) for name in commands}
    for number in range(-warm_up, rounds):
        for name, command in commands.items():
            elapsed_ms = command.run_s() * 1000
            if number >= 0:
                samples[name].values.append(elapsed_ms)
    return samples


def print_samples(samples: Sequence[Samples]) -> None:
    """One line each: median, least, largest, how many."""
    print(f"{'':34}{'median':>9}{'min':>9}{'max':>9}{'n':>6}")
    for each in samples:
        low, high = min(each.values), max(each.values)
        print(f"{each.name:34}{each.median:9.2f}{low:9.2f}{high:9.2f}{len(each.values):6}  {each.unit}")


def print_ratio(what: str, samples: Samples, reference: Samples, at_most: float = 0) -> float:
    """The ratio of the medians, the range over rounds, and what it is held against; returns the ratio."""
    ratio, low, high = samples.over(reference)
    print(f"{what}: {ratio:.3f} (single rounds {low:.2f} to {high:.2f}){verdict(ratio, at_most)}")
    return ratio


def verdict(value: float, at_most: float, unit: str = "") -> str:
    """How a value stands to its limit; empty where there is none."""
    if not at_most:
        return ""
    return f"  limit {at_most:g}{unit}: {'met' if value <= at_most else 'MISSED'}"


@contextmanager
def opted_in_project() -> Iterator[Sandbox]:
    """A home and a git repository in a temporary folder, after `memguard init`; nothing of it is left behind."""
    with tempfile.TemporaryDirectory(prefix="memguard-bench-") as folder:
        sandbox = Sandbox(Path(folder))
        git = ["git", "-c", "init.defaultBranch=main", "init", "--quiet", str(sandbox.project)]
        subprocess.run(git, check=True, env=sandbox.environment)
        sandbox.memguard("init")
        try:
            yield sandbox
        finally:
            sandbox.clean_up()
