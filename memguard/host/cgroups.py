"""The memory control groups that a process is in, of both versions: their limits, and how full they are.

Measured on Linux 6.18, v1, three levels: 150 us for the groups with their limits, 33 us for how full one is. Who polls
keeps the groups (`pressure.Gauge`): then those without a limit cost nothing.
"""

import os

from memguard.host.linux import read_bytes

# v1 writes "unlimited" as 2^63 less a page (of 4 KB: 9223372036854771712); a limit above an exbibyte binds nobody.
_NO_LIMIT_BYTES = 2**60
# Groups that memguard made for a session. Their `memory.high` is a trip-wire of its own, derived from the capacity:
# taken for capacity, it would lower itself each time.
OWN_PREFIX = "memguard-"
_STAT_BYTES = 16384


class MemoryGroup:
    """One control group: `folder` holds its files, `is_v1` says what they are called."""

    __slots__ = ("folder", "is_v1")

    def __init__(self, folder: str, *, is_v1: bool) -> None:
        self.folder = folder
        self.is_v1 = is_v1

    def limit_bytes(self) -> int:
        """The limit of this group; 0 where it has none. In v2 also `memory.high`, beyond which nothing gets on."""
        if self.is_v1:
            return _limit_in(f"{self.folder}/memory.limit_in_bytes")
        limits = [_limit_in(f"{self.folder}/memory.max")]
        if f"/{OWN_PREFIX}" not in self.folder:
            limits.append(_limit_in(f"{self.folder}/memory.high"))
        return min(filter(None, limits), default=0)

    def limit_from_above_bytes(self) -> int:
        """The least limit of this group and all above it, also those that a container doesn't show: v1 says it."""
        return _limit(_field(self._stat(), b"hierarchical_memory_limit")) if self.is_v1 else 0

    def held_bytes(self) -> int:
        """What is in use and can't simply be given back, that is without page cache; -1 where it can't be read.

        All of the cache counts as free, also what was used twice (`active_file`). Measured in a v1 group of 300 MB,
        240 MB of it such cache: 230 MB of anonymous memory came within 0.3 s, without any stall. Counted as used, it
        makes a group look full whose programs have merely read files
        (https://github.com/kubernetes/kubernetes/issues/43916).
        """
        name, prefix = ("memory.usage_in_bytes", b"total_") if self.is_v1 else ("memory.current", b"")
        usage = read_bytes(f"{self.folder}/{name}", 64).strip()
        if not usage.isdigit():
            return -1
        stat = self._stat()
        return max(0, int(usage) - _field(stat, prefix + b"inactive_file") - _field(stat, prefix + b"active_file"))

    def _stat(self) -> bytes:
        return b"\n" + read_bytes(f"{self.folder}/memory.stat", _STAT_BYTES)


def groups_of(pid: int = 0, proc: str = "/proc", cgroup_root: str = "/sys/fs/cgroup") -> list[MemoryGroup]:
    """The groups of a process (0: this one), its own first, then all above it; also such as have no files here."""
    text = read_bytes(f"{proc}/{pid or 'self'}/cgroup", 65536).decode("utf-8", "replace")
    groups = []
    for line in text.splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            groups += [MemoryGroup(folder, is_v1=False) for folder in _folders(_mount_of_v2(cgroup_root), path)]
        elif "memory" in controllers.split(","):
            groups += [MemoryGroup(folder, is_v1=True) for folder in _folders(f"{cgroup_root}/memory", path)]
    return groups


def limited_groups(
    pid: int = 0, proc: str = "/proc", cgroup_root: str = "/sys/fs/cgroup"
) -> list[tuple[MemoryGroup, int]]:
    """The groups that bind a process, each with its limit in bytes."""
    found = []
    is_lowest = True
    for group in groups_of(pid, proc, cgroup_root):
        limits = [group.limit_bytes()]
        if group.is_v1 and is_lowest:
            limits.append(group.limit_from_above_bytes())
            is_lowest = not limits[-1]  # the folder of a group that a container doesn't show is not there
        limit_bytes = min(filter(None, limits), default=0)
        if limit_bytes:
            found.append((group, limit_bytes))
    return found


def _mount_of_v2(cgroup_root: str) -> str:
    """Beside v1, v2 is mounted in a folder of its own."""
    beside = f"{cgroup_root}/unified"
    return beside if os.access(beside, os.F_OK) else cgroup_root


def _folders(mount: str, path: str) -> list[str]:
    """The folders of `/a/b`, `/a` and the root below a mount.

    A path that leads out of what the mount shows (`/../x`, seen from inside a container) leaves only the root.
    """
    parts = [part for part in path.split("/") if part]
    if ".." in parts:
        return [mount]
    return ["/".join([mount, *parts[:count]]) for count in range(len(parts), -1, -1)]


def _limit_in(path: str) -> int:
    """The limit that a file holds; 0 where it holds none: `max`, a number that is none, or no file."""
    text = read_bytes(path, 64).strip()
    return _limit(int(text)) if text.isdigit() else 0


def _limit(size_bytes: int) -> int:
    return size_bytes if size_bytes < _NO_LIMIT_BYTES else 0


def _field(stat: bytes, name: bytes) -> int:
    """A number of `memory.stat`; 0 where there is none."""
    begin = stat.find(b"\n%s " % name)
    if begin < 0:
        return 0
    text = stat[begin + len(name) + 2 :].partition(b"\n")[0]
    return int(text) if text.isdigit() else 0
