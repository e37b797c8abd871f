"""One reading of a guarded process's memory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

MEGABYTE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class MemoryInfo:
    """What a process and all its descendants hold, in megabytes of 1,048,576 bytes; `timestamp` is in UTC seconds.

    `is_confirmed`: memory that processes share is counted once (PSS). Otherwise `memory_mb` is an upper bound, which is
    enough below the warning limit. `method` is `tree` or, where that can't be read, `psutil`.
    """

    memory_mb: float
    timestamp: float = field(default_factory=time.time)
    processes: int = 0
    is_confirmed: bool = False
    method: str = "tree"

    @property
    def footprint_bytes(self) -> int:
        """The same in bytes."""
        return round(self.memory_mb * MEGABYTE_BYTES)
