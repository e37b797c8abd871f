"""What `hog.py` says of itself, read without disturbing it."""

from __future__ import annotations

import struct
import sys
import time
from pathlib import Path

HOG = Path(__file__).resolve().parent / "hog.py"
# Who makes no step for so long, at a step each millisecond, is stopped or dead and not just waiting for a processor.
_STILL_S = 0.5
_LOOK_S = 0.02
MB = 1_000_000
# With the limit of 500 MB, the most that a run takes of a machine that others use as well.
BEYOND_BYTES = 200 * MB


class HogLog:
    """One run of the program, at `rate_mb_s`, past `limit_bytes` by BEYOND_BYTES at the most."""

    def __init__(
        self, path: Path, rate_mb_s: int, limit_bytes: int, counted: str = "footprint", delay_s: float = 0
    ) -> None:
        self.path = path
        self.rate_mb_s = rate_mb_s
        self._words = [str(path), str(rate_mb_s), str(limit_bytes), str(BEYOND_BYTES), counted, f"{delay_s:.3f}"]
        path.write_bytes(bytes(64))

    @property
    def command(self) -> list[str]:
        """The command line that starts it."""
        return [sys.executable, "-I", "-S", str(HOG), *self._words]

    def reaction_s(self, timeout_s: float) -> float:
        """Wait until it stands still; seconds from the limit to its last step. TimeoutError where it never stops."""
        deadline_s = time.monotonic() + timeout_s
        while not self._is_still():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"not stopped within {timeout_s:.0f} s")
            time.sleep(_LOOK_S)
        _, crossed_ns, seen_ns, _ = self._values()
        return (seen_ns - crossed_ns) / 1e9 if crossed_ns else 0.0  # by its own count, it was not there yet

    @property
    def reached_mb_s(self) -> float:
        """How fast it really filled."""
        return self._values()[3] / MB

    def _is_still(self) -> bool:
        seen_ns = self._values()[2]
        return bool(seen_ns) and time.monotonic_ns() - seen_ns > _STILL_S * 1e9

    def _values(self) -> tuple[int, int, int, int]:
        begun_ns, crossed_ns, seen_ns, rate = struct.unpack_from("4q", self.path.read_bytes())
        return begun_ns, crossed_ns, seen_ns, rate
