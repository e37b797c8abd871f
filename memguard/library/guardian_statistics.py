"""What a guardian counted, kept in a small file from one program to the next."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import Any

from memguard.core.layout import private_dir, write_atomic

_LONGEST_BYTES = 65536


@dataclass
class GuardianStatistics:
    """Memory in megabytes, of the readings since the process began; counts over all programs that kept the file."""

    samples: int = 0
    memory_mb: float = 0.0
    peak_mb: float = 0.0
    average_mb: float = 0.0
    restarts: int = 0
    failed_restarts: int = 0
    errors: int = 0

    def update(self, memory_mb: float) -> None:
        """Take a reading in."""
        self.samples += 1
        self.memory_mb = memory_mb
        self.peak_mb = max(self.peak_mb, memory_mb)
        self.average_mb += (memory_mb - self.average_mb) / self.samples

    def begin_process(self) -> None:
        """Readings of another process say nothing about the next one."""
        self.samples, self.memory_mb, self.peak_mb, self.average_mb = 0, 0.0, 0.0, 0.0

    def save(self, path: str) -> None:
        """Write the counts, 0600. Raises OSError."""
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            private_dir(folder)
        write_atomic(path, json.dumps(dataclasses.asdict(self)).encode())

    @classmethod
    def load(cls, path: str) -> GuardianStatistics:
        """The counts of the programs before; all 0 where there are none, or they can't be read."""
        try:
            with open(path, "rb") as file:
                found = json.loads(file.read(_LONGEST_BYTES))
        except (OSError, ValueError):
            return cls()
        names = ("restarts", "failed_restarts", "errors")
        kept = {name: found.get(name, 0) for name in names} if isinstance(found, dict) else {}
        return cls(**{name: count for name, count in kept.items() if type(count) is int and count >= 0})

    def to_dict(self) -> dict[str, Any]:
        """Rounded to 0.1 MB."""
        return {name: round(value, 1) for name, value in dataclasses.asdict(self).items()}
