"""Moments that no change of the host's clock moves: UTC seconds, and the host's uptime at that time.

UTC alone is wrong after a jump: forwards it would let a window pass that has not passed, backwards it would never let
it pass. Within one boot the uptime tells how long something is ago; UTC counts only across boots.
"""

import time

from memguard.core.errors import HostError
from memguard.core.uptime import uptime_s
from memguard.host import identity


class Moment:
    """A point in time. `boot_id` is empty where the host has none."""

    __slots__ = ("boot_id", "uptime_s", "utc_s")

    def __init__(self, utc_s: float, boot_id: str, uptime_s: float) -> None:
        self.utc_s = utc_s
        self.boot_id = boot_id
        self.uptime_s = uptime_s

    def age_s(self, now: "Moment") -> float:
        """Seconds from this moment to `now`, never below 0.

        What was before this boot is at least as old as the boot, however far the clock has been set back since.
        """
        if self.is_of_boot(now):
            return max(0.0, now.uptime_s - self.uptime_s)  # on record it is rounded, perhaps up
        return max(now.utc_s - self.utc_s, now.uptime_s if now.boot_id else 0.0, 0.0)

    def is_of_boot(self, other: "Moment") -> bool:
        """Whether both are known to be of the same boot."""
        return bool(self.boot_id) and self.boot_id == other.boot_id


def now() -> Moment:
    """This moment, by the host."""
    try:
        boot_id = identity.boot_id()
    except HostError:
        boot_id = ""
    return Moment(time.time(), boot_id, uptime_s())
