"""The host's health beside memory, for programs that embed memguard: see `HealthMonitor`.

The watchdog has the same figures by means of its own (`memguard.host.health`), and the same judgement
(`memguard.guard.health`): psutil would hold 4 MB of it for good.
"""

from memguard.core.host_settings import HealthLimits
from memguard.guard.health import Finding
from memguard.health.metrics import DiskMetrics, HealthMetrics
from memguard.health.monitor import HEALTH_RECOVERED, HEALTH_WARNING, HealthMonitor

__all__ = [
    "HEALTH_RECOVERED",
    "HEALTH_WARNING",
    "DiskMetrics",
    "Finding",
    "HealthLimits",
    "HealthMetrics",
    "HealthMonitor",
]
