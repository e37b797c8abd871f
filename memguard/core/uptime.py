"""The host's uptime: a clock that nobody can set."""

import time


def uptime_s() -> float:
    """Seconds since the host began, those that it was suspended for included where the host counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
