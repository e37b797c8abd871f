"""The figures of a host and one process, by psutil: none of its calls waits for an interval."""

import os
import time
from dataclasses import dataclass

import psutil

from memguard.host import current
from memguard.host.health import processor_count

_MEGABYTE_BYTES = 1024 * 1024
_LOOPBACKS = ("lo", "lo0")


@dataclass(frozen=True, slots=True)
class Sample:
    """Everything but file systems, as in `HealthMetrics`."""

    memory_mb: float
    cpu_percent: float
    network_bytes_sent: int
    network_bytes_recv: int
    system_load_avg: float
    uptime_seconds: float
    process_cpu_percent: float
    process_uptime_seconds: float
    memory_available_bytes: int
    load_per_cpu: float


class Sampler:
    """Takes samples; each says what happened since the one before."""

    def __init__(self, process_id: int | None) -> None:
        self._process = _process(process_id)
        # psutil keeps the times before in the module, by thread, so that two samplers would share them.
        self._before = _cpu_times()
        if self._process:
            _process_cpu(self._process)  # what it returns first says nothing

    def sample(self) -> Sample:
        """Now. Never raises for a figure that the host doesn't tell."""
        sent, received = _network()
        load = _load()
        return Sample(
            memory_mb=_tree_mb(self._process),
            cpu_percent=self._cpu_percent(),
            network_bytes_sent=sent,
            network_bytes_recv=received,
            system_load_avg=load,
            uptime_seconds=_uptime_s(),
            process_cpu_percent=_process_cpu(self._process),
            process_uptime_seconds=_process_uptime_s(self._process),
            memory_available_bytes=_available_bytes(),
            load_per_cpu=load / processor_count() if load >= 0 else -1.0,
        )

    def _cpu_percent(self) -> float:
        before, self._before = self._before, _cpu_times()
        total, idle = self._before[0] - before[0], self._before[1] - before[1]
        return round(max(0.0, min(100.0, 100 * (1 - idle / total))), 1) if total > 0 and before[0] >= 0 else -1.0


def _process(process_id: int | None) -> psutil.Process | None:
    try:
        return psutil.Process(process_id) if process_id else None
    except (psutil.Error, ValueError):
        return None


def _cpu_times() -> tuple[float, float]:
    """Seconds of all processors since boot, and those that were idle; guests are counted in user and nice already."""
    try:
        times = psutil.cpu_times()
    except (psutil.Error, OSError, ValueError, RuntimeError):
        return -1.0, -1.0
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total, times.idle + getattr(times, "iowait", 0.0)


def _network() -> tuple[int, int]:
    try:
        found = psutil.net_io_counters(pernic=True)
    except (psutil.Error, OSError, ValueError, RuntimeError):
        return -1, -1
    counters = [each for name, each in found.items() if name not in _LOOPBACKS]
    return sum(each.bytes_sent for each in counters), sum(each.bytes_recv for each in counters)


def _load() -> float:
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return -1.0


def _uptime_s() -> float:
    try:
        return max(0.0, time.time() - psutil.boot_time())
    except (psutil.Error, OSError, ValueError, RuntimeError):
        return -1.0


def _available_bytes() -> int:
    try:
        return int(psutil.virtual_memory().available)
    except (psutil.Error, OSError, ValueError, RuntimeError):
        return -1


def _tree_mb(process: psutil.Process | None) -> float:
    """The footprint of the whole tree, as the watchdog counts it; -1 where there is no process, or none any more."""
    if process is None or not process.is_running():
        return -1.0
    tree = current.read_tree(process.pid)
    return -1.0 if tree.is_blind else round(tree.footprint_bytes / _MEGABYTE_BYTES, 3)


def _process_cpu(process: psutil.Process | None) -> float:
    try:
        return process.cpu_percent(None) if process else -1.0
    except psutil.Error:
        return -1.0


def _process_uptime_s(process: psutil.Process | None) -> float:
    try:
        return max(0.0, time.time() - process.create_time()) if process and process.is_running() else -1.0
    except psutil.Error:
        return -1.0
