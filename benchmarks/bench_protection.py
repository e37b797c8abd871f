"""What a decision of restart protection costs, on record before the first signal, beside one fsynced write of its size.

The decision is the whole of it: lock, read, check guard and host, count, write, fsync, replace. The bare write makes a
new file of as many bytes in the same folder, fsyncs and closes it. Both are measured in turn. The asking alone, which
hooks and `memguard status` do, is printed beside.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from common import Samples, parser, print_ratio, print_samples

from memguard.core.settings import RestartLimits
from memguard.core.write_in_turn import write_in_turn
from memguard.guard.protection import RestartProtection

LIMIT = 3.0
PAIRS = {
    "max_attempts": "100", "host_max_attempts": "500", "attempt_window_s": "3600", "initial_cooldown_s": "0",
    "max_cooldown_s": "0", "cooldown_multiplier": "2", "graceful_timeout_s": "30", "force_kill_timeout_s": "10",
    "boundary_timeout_s": "120", "typing_quiet_s": "30",
}  # fmt: skip


def fsynced_write(path: str, data: bytes) -> None:
    """The least that puts `data` on a disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(descriptor, data)
    os.fsync(descriptor)
    os.close(descriptor)


def main() -> int:
    """Measure, print, and compare with the limit; 1 where it is passed."""
    arguments = parser(__doc__, 200)
    arguments.add_argument("--folder", default="", help="on which file system (default: the temporary folder's)")
    arguments.add_argument("--earlier", type=int, default=12, help="attempts on record before (default: a full host)")
    options = arguments.parse_args()
    bare, decision = Samples("one fsynced write of that size"), Samples("decision with persistence")
    asking = Samples("asking alone")
    with tempfile.TemporaryDirectory(dir=options.folder or None) as folder:
        path = f"{folder}/protection.json"
        limits = RestartLimits(PAIRS)
        for number in range(options.earlier):
            RestartProtection(path, f"earlier-{number}", limits).record_attempt(success=True, reason="earlier")
        kept = Path(path).read_bytes()
        for number in range(-5, options.rounds):
            write_in_turn(path, kept)  # on disk before it is measured, or the first fsync pays for it
            protection = RestartProtection(path, f"guard-{number}", limits)
            times = _timed(protection, path, f"{folder}/bare-{number}")
            if number >= 0:
                for samples, seconds in zip((asking, decision, bare), times, strict=True):
                    samples.values.append(seconds * 1000)
    print_samples([bare, decision, asking])
    return 0 if print_ratio("decision / bare write", decision, bare, LIMIT) <= LIMIT else 1


def _timed(protection: RestartProtection, path: str, bare_path: str) -> tuple[float, float, float]:
    """Seconds of asking, of the decision, and of the bare write."""
    begun_s = time.perf_counter()
    protection.can_restart()
    asked_s = time.perf_counter()
    number, _ = protection.begin_attempt("footprint over the critical limit")
    decided_s = time.perf_counter()
    if number != 1:
        raise RuntimeError("the restart that is measured was refused")
    data = Path(path).read_bytes()
    again_s = time.perf_counter()
    fsynced_write(bare_path, data)
    written_s = time.perf_counter()
    return asked_s - begun_s, decided_s - asked_s, written_s - again_s


if __name__ == "__main__":
    sys.exit(main())
