"""When a process began, by the time of day."""

import os
import time


def started_utc(start_ticks: int) -> float:
    """UTC seconds of a start in clock ticks since boot, to a hundredth; now, where the host counts from elsewhere.

    The time of day is asked for now: after it was set, starts and events are on the same clock again.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is None:
        return time.time()
    return time.time() - (time.clock_gettime(clock) - start_ticks / os.sysconf("SC_CLK_TCK"))
