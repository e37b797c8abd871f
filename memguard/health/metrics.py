"""One look at a host's health."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DiskMetrics:
    """One file system, by the folder on it that matters. -1 where it gave no answer in time."""

    what: str
    path: str
    total_bytes: int = -1
    free_bytes: int = -1
    usage_percent: float = -1.0


@dataclass(frozen=True, slots=True)
class HealthMetrics:
    """One look at a host's health; -1 in each field that the host doesn't tell.

    Attributes:
        memory_mb: what the watched process and all below it hold (1 MB = 1024 * 1024 bytes).
        cpu_percent: of all processors' time since the look before, 0 to 100; -1 at the first look.
        disk_usage_percent: of the fullest of `disks`.
        network_bytes_sent: by all interfaces but the loopback, since boot.
        network_bytes_recv: the same, received.
        system_load_avg: processes that ran or waited, on average over the last minute.
        uptime_seconds: since the host booted.
        process_cpu_percent: of the watched process alone, since the look before; 100 is one processor.
        process_uptime_seconds: since the watched process began.
        memory_available_bytes: what the host could still give.
        disk_free_bytes: of the disk with the least room.
        load_per_cpu: `system_load_avg` divided by the processors that this process may use.
        disks: each file system by itself.
        timestamp: when, in seconds of Unix time.
    """

    memory_mb: float
    cpu_percent: float
    disk_usage_percent: float
    network_bytes_sent: int
    network_bytes_recv: int
    system_load_avg: float
    uptime_seconds: float
    process_cpu_percent: float = -1.0
    process_uptime_seconds: float = -1.0
    memory_available_bytes: int = -1
    disk_free_bytes: int = -1
    load_per_cpu: float = -1.0
    disks: tuple[DiskMetrics, ...] = ()
    timestamp: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return {**asdict(self), "disks": [asdict(disk) for disk in self.disks]}
