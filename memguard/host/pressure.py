"""Whether the host itself is short of memory."""

import os

# Below this share of RAM the kernel begins to reclaim in earnest, and the desktop to freeze.
_SHORT_SHARE = 0.05


def is_short(proc: str = "/proc") -> bool:
    """Whether MemAvailable is under 5 % of MemTotal; False where the host doesn't say."""
    try:
        descriptor = os.open(f"{proc}/meminfo", os.O_RDONLY)
    except OSError:
        return False
    try:
        lines = os.read(descriptor, 4096).split(b"\n")
    finally:
        os.close(descriptor)
    values = {line.split(b":")[0]: int(line.split()[1]) for line in lines if line.endswith(b"kB")}
    return values.get(b"MemAvailable", 1) < _SHORT_SHARE * values.get(b"MemTotal", 0)
