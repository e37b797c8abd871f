"""`HealthMonitor`: the host's health for an asyncio program, with limits and events of its own."""

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

from memguard.config import dirs
from memguard.core.errors import UsageError
from memguard.core.host_settings import HealthLimits
from memguard.guard.health import Finding, HealthJudge
from memguard.health.metrics import DiskMetrics, HealthMetrics
from memguard.health.sampler import Sampler
from memguard.health.side_call import SideCall
from memguard.host.health import Disk, read_disk

HEALTH_WARNING = "health_warning"  # a figure is over its limit
HEALTH_RECOVERED = "health_recovered"  # it is back
_EVENTS = (HEALTH_WARNING, HEALTH_RECOVERED)
_LOG = logging.getLogger(__name__)

Callback = Callable[[Finding], object]


class HealthMonitor:
    """Looks at processor, disks, network counters, load and uptime beside the memory of one process tree.

    Nothing is sent anywhere: counters are read, no connection is opened. Everything is read beside the event loop, and
    a file system that doesn't answer costs its own figure, and once `timeout_seconds`.

    Args:
        process_id: whose tree `memory_mb` is of; None for the host alone.
        limits: what is too little or too much; by default, less than 256 MB free.
        folders: what to look at the disks of, by what they are for; by default memguard's state folder, the working
            folder, and the folder for temporary files.
        timeout_seconds: how long one look may take.
    """

    def __init__(
        self,
        process_id: int | None = None,
        limits: HealthLimits | None = None,
        folders: Mapping[str, str | os.PathLike[str]] | None = None,
        timeout_seconds: float = 2.0,
    ) -> None:
        self._sampler = Sampler(process_id)
        self._sampling = SideCall(self._sampler.sample)
        self._disks = {
            (what, str(path)): _disk_call(what, os.fspath(path)) for what, path in (folders or _folders()).items()
        }
        self._judge = HealthJudge(limits or HealthLimits())
        self._timeout_s = timeout_seconds
        self._callbacks: list[tuple[str, Callback]] = []
        self.last: HealthMetrics | None = None

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is over its limit now."""
        return tuple(self._judge.warnings.values())

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback` with the finding at each HEALTH_WARNING or HEALTH_RECOVERED.

        Raises UsageError for another event.
        """
        if event not in _EVENTS:
            raise UsageError(f"there is no event {event!r}", f"it is one of {', '.join(_EVENTS)}")
        self._callbacks.append((event, callback))

    async def check_health(self) -> HealthMetrics:
        """Look once, and call back about what has changed. Raises TimeoutError where the host itself doesn't answer."""
        looks = asyncio.gather(*map(self._disk, self._disks))
        sample, disks = await asyncio.gather(self._sampling.result(self._timeout_s), looks)
        known = [disk for disk in disks if disk.is_known]
        self.last = HealthMetrics(
            disk_usage_percent=max((disk.used_percent for disk in known), default=-1.0),
            disk_free_bytes=min((disk.free_bytes for disk in known), default=-1),
            disks=tuple(map(_metrics, disks)),
            timestamp=time.time(),
            **asdict(sample),
        )
        self._tell(self._judge.look(disks, sample.cpu_percent, sample.load_per_cpu))
        return self.last

    async def run(self, interval_seconds: float = 60.0) -> None:
        """Look again and again until the task is cancelled; a look that fails is logged, and is no reason to stop."""
        while True:
            try:
                await self.check_health()
            except (OSError, RuntimeError) as error:
                _LOG.warning("the host's health can't be read: %s", error)
            await asyncio.sleep(interval_seconds)

    async def _disk(self, key: tuple[str, str]) -> Disk:
        try:
            return await self._disks[key].result(self._timeout_s)
        except TimeoutError:
            return Disk(*key)

    def _tell(self, findings: list[Finding]) -> None:
        for finding in findings:
            event = HEALTH_WARNING if finding.is_over else HEALTH_RECOVERED
            _LOG.log(logging.WARNING if finding.is_over else logging.INFO, "%s: %s", event, finding.what)
            for wanted, callback in self._callbacks:
                if wanted == event:
                    _called(callback, finding)


def _called(callback: Callback, finding: Finding) -> None:
    try:
        callback(finding)
    except Exception:  # noqa: BLE001  it is the program's, not ours
        _LOG.exception("a callback of HealthMonitor failed")


def _disk_call(what: str, path: str) -> SideCall[Disk]:
    return SideCall(lambda: read_disk(what, path))


def _folders() -> dict[str, str]:
    return {"snapshots": dirs.state_dir(), "the project": os.getcwd(), "temporary files": tempfile.gettempdir()}


def _metrics(disk: Disk) -> DiskMetrics:
    return DiskMetrics(disk.what, disk.path, disk.total_bytes, disk.free_bytes, disk.used_percent)
