"""How much of a busy processor a process of memguard's own gets."""

import os

_AUTOGROUP = "/proc/self/autogroup"


def lower_priority(steps: int) -> None:
    """Make this process `steps` nicer than it is; 5 steps are a third of what an equal process gets, 10 a ninth.

    Where the kernel groups processes by their process session (`sched_autogroup_enabled`, as desktops have it), a step
    means nothing outside the group, so the group takes it, too: measured with both on one core, 100 % and then 33 %.
    """
    os.nice(steps)
    try:
        descriptor = os.open(_AUTOGROUP, os.O_WRONLY)
    except OSError:
        return  # no such grouping here
    try:
        os.write(descriptor, str(steps).encode())
    finally:
        os.close(descriptor)
