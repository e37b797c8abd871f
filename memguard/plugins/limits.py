"""What a process that calls plugins may take of the host."""

from __future__ import annotations

import os
import resource

_FIRST_TO_GO = b"1000"


def limit_memory(memory_bytes: int) -> None:
    """A plugin that allocates without end gets a MemoryError; should the host run out, the kernel takes this first."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(descriptor, _FIRST_TO_GO)
        finally:
            os.close(descriptor)
    except OSError:
        return  # a kernel, or a sandbox, without it
