"""How much memory there is for a session: the host's, or less where a control group has a limit."""

from memguard.core.errors import HostError
from memguard.host import current
from memguard.host.cgroups import limited_groups


def capacity_bytes(proc: str = "/proc", cgroup_root: str = "/sys/fs/cgroup", pid: int = 0) -> int:
    """The least of the host's RAM and every limit on the control groups of `pid` (0: this process) and those above.

    Raises HostError where neither can be read.
    """
    limits_bytes = [limit_bytes for _, limit_bytes in limited_groups(pid, proc, cgroup_root)]
    found = [size_bytes for size_bytes in (current.capacity_bytes(proc), *limits_bytes) if size_bytes > 0]
    if not found:
        raise HostError("this host doesn't say how much memory it has", "set the thresholds in memguard's config")
    return min(found)
