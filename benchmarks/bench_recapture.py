"""What a capture costs after 100 KB more, whatever there was before; beside the first capture of a 100 KB conversation.

    python benchmarks/bench_recapture.py [--rounds 15] [--megabytes 0 10 100]

Each is the whole worker. Beside them, in the same turns: an interpreter that does nothing, and one that imports what a
capture does; what of the worker's time is neither, is the capture's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import Samples, parser, print_ratio, print_samples
from conversations import Talk

from memguard.state.keys import public_key
from tests.transcripts import Box

MORE_BYTES = 100_000
LIMIT = 1.5
FIRST = "first capture of 100 KB"
BARE, IMPORTS = "interpreter alone", "interpreter and imports"
# What a worker has loaded when it ends: listed once, then imported by an interpreter that does nothing else.
LOADED_PROGRAM = """
import sys
from memguard.state.capture import main
code = main(sys.argv[1:])
print(" ".join(name for name in sys.modules if name.split(".")[0] in ("memguard", "cryptography", "zstandard", "json")))
sys.exit(code)
"""


def main() -> int:
    """Measure and print."""
    arguments = parser(__doc__, 15)
    arguments.add_argument("--megabytes", type=int, nargs="+", default=[0, 10, 100], help="sizes before")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="memguard-bench-") as folder:
        Recaptures(Path(folder), options.megabytes).measure(options.rounds)
    return 0


class Recaptures:
    """A conversation of each length, captured before, and one that is always new."""

    def __init__(self, folder: Path, megabytes: list[int]) -> None:
        self._talk = Talk()
        self._new = _box(folder, "new")
        self._keys = folder / "keys-only"
        public_key(str(self._keys))
        self._talk.grow(self._new.transcript, MORE_BYTES)
        self._before = {f"100 KB more after {size} MB": _box(folder, f"after-{size}") for size in megabytes}
        for size, box in zip(megabytes, self._before.values(), strict=True):
            box.transcript.prompt("begin")
            self._talk.fill(box.transcript, size * 1000000)
            box.capture()
        self._renew()
        self._imports = _loaded(self._new)

    def measure(self, rounds: int) -> None:
        """All of them in turn, the first rounds not counted; print."""
        samples = {name: Samples(name) for name in (FIRST, *self._before, BARE, IMPORTS)}
        for number in range(-2, rounds):
            for name, elapsed_ms in self._round().items():
                if number >= 0:
                    samples[name].values.append(elapsed_ms)
        print_samples(list(samples.values()))
        for name in self._before:
            print_ratio(f"{name} / {FIRST}", samples[name], samples[FIRST], LIMIT)
        longest = samples[list(self._before)[-1]]
        print(f"of {longest.name}: {samples[BARE].median / longest.median:.0%} is the interpreter's start, ", end="")
        print(f"{(samples[IMPORTS].median - samples[BARE].median) / longest.median:.0%} imports")

    def _round(self) -> dict[str, float]:
        self._renew()
        found = {FIRST: _run_ms(self._new, self._new.command())}
        for name, box in self._before.items():
            self._talk.grow(box.transcript, MORE_BYTES)
            found[name] = _run_ms(box, box.command())
        found[BARE] = _run_ms(self._new, [sys.executable, "-I", "-c", "pass"])
        found[IMPORTS] = _run_ms(self._new, [sys.executable, "-I", "-c", self._imports])
        return found

    def _renew(self) -> None:
        """A state folder with nothing but keys."""
        shutil.rmtree(self._new.state, ignore_errors=True)
        shutil.copytree(self._keys, self._new.state)


def _box(folder: Path, name: str) -> Box:
    (folder / name).mkdir()
    return Box(folder / name)


def _loaded(box: Box) -> str:
    command = [sys.executable, "-I", "-c", LOADED_PROGRAM, *box.arguments()]
    done = subprocess.run(command, env=box.environment(), capture_output=True, text=True, check=True)
    return "import " + ", ".join(name for name in done.stdout.splitlines()[-1].split() if not name.startswith("_"))


def _run_ms(box: Box, command: list[str]) -> float:
    os.sync()  # what was written before is not this one's to wait for
    begun_s = time.perf_counter()
    subprocess.run(command, env=box.environment(), stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begun_s) * 1000


if __name__ == "__main__":
    sys.exit(main())
