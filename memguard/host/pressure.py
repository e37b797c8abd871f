"""Whether the host, or a control group that the session is in, is short of memory, and how much can still be filled.

Measured on Linux 6.18, two busy cores, v1, three levels of groups; microseconds, the quickest and the median:

     33   48   a Gauge asked for one of the two: `meminfo` and PSI; no group has a limit
     33   45   more for each group that has one
    200  290   a new Gauge for each question: groups and limits are looked up each time

So whoever polls keeps a Gauge. PSI is polled with it: its triggers tell of stalls, not of growth.
"""

import time

from memguard.core.reading import Pressure
from memguard.host import current
from memguard.host.cgroups import limited_groups

# Below this share of RAM the kernel begins to reclaim in earnest, and the desktop to freeze.
_SHORT_SHARE = 0.05
# With PSI's word, half as early: what is "available" is an estimate of the kernel, and too high where page cache is in
# use. Without a share, PSI says nothing about the host: one group held back at its `memory.high` stalls "all" on an
# otherwise idle host.
_STALLED_SHARE = 0.10
# Percent of the last ten seconds, weighed by age, in which nothing got on but for memory: 20 is two seconds of
# standstill (100 * (1 - e^(-2.2/10))), and comes long before systemd-oomd ends anything (60 over 30 s).
_STALLED_PERCENT = 20.0
# Limits and groups of a process change seldom: by hand, or where memguard places the session.
_GROUPS_AGE_S = 5.0


def read_pressure(proc: str = "/proc") -> Pressure:
    """The host's memory now; -1 in each field that the host doesn't tell."""
    return current.read_pressure(proc)


class Gauge:
    """The room that one process (0: this one) has left, for one who asks often: keeps its groups for 5 s.

    Whoever has just read the host's pressure hands it over, and saves the greater part of the cost.
    """

    __slots__ = ("_cgroup_root", "_groups", "_looked_at_s", "_proc", "pid")

    def __init__(self, pid: int = 0, proc: str = "/proc", cgroup_root: str = "/sys/fs/cgroup") -> None:
        self.pid = pid
        self._proc = proc
        self._cgroup_root = cgroup_root
        self._groups = limited_groups(pid, proc, cgroup_root)
        self._looked_at_s = time.monotonic()

    def is_short(self, pressure: Pressure | None = None) -> bool:
        """Whether the host or a group of the process is short of memory; False where the host doesn't say."""
        return is_host_short(pressure or read_pressure(self._proc)) or any(
            left_bytes < _SHORT_SHARE * limit_bytes for left_bytes, limit_bytes in self._left_in_groups()
        )

    def left_bytes(self, pressure: Pressure | None = None) -> int:
        """How much can still be filled before the host or a group is full; -1 where the host doesn't say."""
        available_bytes = (pressure or read_pressure(self._proc)).available_bytes
        found = [left_bytes for left_bytes, _ in self._left_in_groups()]
        if available_bytes >= 0:
            found.append(available_bytes)
        return min(found, default=-1)

    def _left_in_groups(self) -> list[tuple[int, int]]:
        now_s = time.monotonic()
        if now_s - self._looked_at_s > _GROUPS_AGE_S:
            self._groups = limited_groups(self.pid, self._proc, self._cgroup_root)
            self._looked_at_s = now_s
        held = [(group.held_bytes(), limit_bytes) for group, limit_bytes in self._groups]
        return [(max(0, limit_bytes - held_bytes), limit_bytes) for held_bytes, limit_bytes in held if held_bytes >= 0]


def is_host_short(pressure: Pressure) -> bool:
    """Whether under 5 % of RAM is available, or under 10 % while everything stalls; False where the host says nothing.

    Free swap doesn't count: who has come to it is slow already.
    """
    if pressure.available_bytes < 0 or pressure.total_bytes <= 0:
        return False
    share = pressure.available_bytes / pressure.total_bytes
    return share < _SHORT_SHARE or (share < _STALLED_SHARE and pressure.psi_full_avg10 >= _STALLED_PERCENT)
