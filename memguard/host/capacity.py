"""How much memory there is for a session: the host's, or less where a control group has a limit."""

from memguard.core.errors import HostError
from memguard.host import current
from memguard.host.linux import read_bytes

# A limit of 0 is how some managers write "not set" in v1; nothing runs in none.
_SMALLEST_LIMIT_BYTES = 1


def capacity_bytes(proc: str = "/proc", cgroup_root: str = "/sys/fs/cgroup") -> int:
    """The smallest of the host's RAM and every limit on the own control group and those above it.

    Raises HostError where neither can be read.
    """
    found = [size for size in (current.capacity_bytes(proc), *_limits_bytes(proc, cgroup_root)) if size > 0]
    if not found:
        raise HostError("this host doesn't say how much memory it has", "set the thresholds in memguard's config")
    return min(found)


def _limits_bytes(proc: str, cgroup_root: str) -> list[int]:
    """All limits that bind this process; v1 writes "unlimited" as a number that is larger than any RAM."""
    groups = _groups(proc, cgroup_root)
    return [_limit_bytes(f"{mount}{folder}/{name}") for mount, path, name in groups for folder in _upwards(path)]


def _groups(proc: str, cgroup_root: str) -> list[tuple[str, str, str]]:
    """(mount, path below it, file) of the own memory groups: v2, v2 beside v1 (`unified`), and v1."""
    groups = []
    for line in read_bytes(f"{proc}/self/cgroup", 65536).decode("utf-8", "replace").splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            groups += [(cgroup_root, path, "memory.max"), (f"{cgroup_root}/unified", path, "memory.max")]
        elif "memory" in controllers.split(","):
            groups.append((f"{cgroup_root}/memory", path, "memory.limit_in_bytes"))
    return groups


def _upwards(path: str) -> list[str]:
    """`/a/b`, `/a` and the root (empty).

    A path that leads out of what the mount shows (`/../x`, seen from inside a container) leaves only the root.
    """
    parts = [part for part in path.split("/") if part]
    if ".." in parts:
        return [""]
    return ["".join(f"/{part}" for part in parts[:count]) for count in range(len(parts), -1, -1)]


def _limit_bytes(path: str) -> int:
    """A limit in bytes; 0 where there is none (`max`, or no file)."""
    text = read_bytes(path, 64).strip()
    return int(text) if text.isdigit() and int(text) >= _SMALLEST_LIMIT_BYTES else 0
