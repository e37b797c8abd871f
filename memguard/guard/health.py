"""When the host's health is worth a warning, and when it is well again. Pure.

A full disk counts at once: what it refuses is a snapshot. Processor and load count when they have been over their limit
three looks in a row, since every build fills the processors for a while. Each is well again only at some distance from
its limit, so that a figure that wavers around it warns once.
"""

from memguard.core.host_settings import HealthLimits
from memguard.core.units import format_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.host.health import Disk

# A disk is well again with a quarter more room than it warns at; a percentage, 5 % of its limit below it.
_DISK_AGAIN = 1.25
_SHARE_AGAIN = 0.95
_LOOKS_IN_A_ROW = 3
# A snapshot makes some ten files, and a session's hooks one each.
_LEAST_FILES = 200
CPU, LOAD = "processor", "load"


class Finding:
    """A figure that crossed its limit, or came back. `name` is what it is of, `what` one line about it.

    `path` is the folder of a file system, else empty.
    """

    __slots__ = ("is_over", "name", "path", "what")

    def __init__(self, name: str, what: str, is_over: bool, path: str = "") -> None:
        self.name = name
        self.what = what
        self.is_over = is_over
        self.path = path


class HealthJudge:
    """Remembers what is over its limit, and says what changes. `warnings` are those that are over now, by name."""

    __slots__ = ("_limits", "_looks_over", "warnings")

    def __init__(self, limits: HealthLimits) -> None:
        self._limits = limits
        self.warnings: dict[str, Finding] = {}
        self._looks_over: dict[str, int] = {}

    def look(self, disks: "list[Disk]", cpu_percent: float, load_per_cpu: float) -> "list[Finding]":
        """What has crossed a limit, or come back, since the look before; -1 for a figure that nobody tells."""
        found = [self._judged(disk.what, _disk_trouble(disk, self._limits, self._is_on(disk.what))) for disk in disks]
        for finding, disk in zip(found, disks, strict=True):
            if finding:
                finding.path = disk.path
        limits = self._limits
        found.append(self._busy(CPU, cpu_percent, limits.cpu_percent, "the processors work {:g} % of the time"))
        found.append(self._busy(LOAD, load_per_cpu, limits.load_per_cpu, "{:g} processes want each processor"))
        return [finding for finding in found if finding]

    def _is_on(self, name: str) -> bool:
        return name in self.warnings

    def _busy(self, name: str, value: float, limit: float, text: str) -> "Finding | None":
        is_over = limit > 0 and value >= (limit * _SHARE_AGAIN if self._is_on(name) else limit)
        self._looks_over[name] = self._looks_over.get(name, 0) + 1 if is_over else 0
        is_told = self._looks_over[name] >= (1 if self._is_on(name) else _LOOKS_IN_A_ROW)
        return self._judged(name, f"{text.format(value)} (limit {limit:g})" if is_told else "")

    def _judged(self, name: str, trouble: str) -> "Finding | None":
        """News of one figure, if any; `trouble` is empty where it is well."""
        if trouble and not self._is_on(name):
            self.warnings[name] = Finding(name, trouble, is_over=True)
            return self.warnings[name]
        if not trouble and self._is_on(name):
            del self.warnings[name]
            return Finding(name, f"{name} is well again", is_over=False)
        return None


def _disk_trouble(disk: "Disk", limits: HealthLimits, has_been: bool) -> str:
    """What is wrong with a file system; empty where nothing is, or nothing is known."""
    if not disk.is_known:
        return f"the file system of {disk.what} does not answer"
    room, share = (_DISK_AGAIN, _SHARE_AGAIN) if has_been else (1.0, 1.0)
    if disk.free_bytes < limits.disk_free_bytes * room:
        return f"{format_size(disk.free_bytes)} free for {disk.what} (limit {format_size(limits.disk_free_bytes)})"
    if disk.free_bytes < disk.needed_bytes * room:
        return f"{format_size(disk.free_bytes)} free for {disk.what}, of up to {format_size(disk.needed_bytes)} needed"
    if 0 <= disk.free_files < _LEAST_FILES * room:
        return f"room for {disk.free_files} more files for {disk.what}"
    if 0 < limits.disk_usage_percent * share <= disk.used_percent:
        return f"{disk.used_percent:g} % used of the disk for {disk.what} (limit {limits.disk_usage_percent:g} %)"
    return ""
