"""`MemoryGuardian`: watches a process tree, tells what happens, and restarts what it started itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from memguard.core.errors import ClientError, HostError
from memguard.core.log import described, printable
from memguard.core.units import format_size
from memguard.host import identity
from memguard.library.event_hub import Callback, EventHub
from memguard.library.graceful_degradation import Failure, GracefulDegradation
from memguard.library.guardian_config import MemoryGuardianConfig
from memguard.library.guardian_statistics import GuardianStatistics
from memguard.library.memory_info import MEGABYTE_BYTES, MemoryInfo
from memguard.library.modes import MemoryState, ProcessState
from memguard.library.own_process import OwnProcess
from memguard.library.process_watch import ProcessWatch
from memguard.library.restart_protection import RestartProtection
from memguard.library.restarter import Restarter
from memguard.library.state_manager import StateManager

if TYPE_CHECKING:
    from memguard.core.identity import ProcessId
    from memguard.plugins.manager import Plugin

_LOG = logging.getLogger(__name__)
_SETTLING_PAUSE_S = 0.5
_REPLACING_POLL_S = 0.05
_LEVELS = ("warning", "critical", "emergency")


class MemoryGuardian:
    """Guards one process.

    Give `start_monitoring` the pid of a process of yours, or let `start_process` start the configured command. What it
    started, it restarts itself; of a session of `memguard run` it asks the watchdog; anything else it watches only.
    All methods belong to one event loop.
    """

    def __init__(
        self,
        config: MemoryGuardianConfig,
        state_manager: StateManager | None = None,
        restart_protection: RestartProtection | None = None,
        *,
        degradation: GracefulDegradation | None = None,
    ) -> None:
        """A fault in `config` costs the value only, and is a line in `config_problems`: the default counts instead."""
        self.config, self.limits, self.config_problems = config.sound()
        self.state_manager = state_manager or StateManager(project=self.config.directory)
        self.restart_protection = restart_protection or RestartProtection(
            self.config.restart_policy, name="\0".join([self.config.directory, *self.config.command])
        )
        self.degradation = degradation or GracefulDegradation()
        self.events = EventHub()
        self.is_monitoring = False
        self.memory_state = MemoryState.NORMAL
        self.process_state = ProcessState.NOT_STARTED
        self.stats = GuardianStatistics.load(self.state_path) if self.config.persist_state else GuardianStatistics()
        self.error_count = 0  # of readings in a row that failed
        self.max_errors = 5
        self.time_based_interval_s = 600.0  # between two snapshots while nothing can be read
        self.last_refusal = ""  # why the last restart that was wanted did not come about
        self.own_process: OwnProcess | None = None
        self._watched: ProcessWatch | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._began_s = time.monotonic()
        self._captured_s = float("-inf")
        self.is_stopping = False
        self.restarter = Restarter(self)
        for problem in self.config_problems:
            _LOG.warning("configuration: %s; the default counts", printable(problem, 300))

    def on(self, event: str, callback: Callback) -> Callback:
        """Have `callback` called with each event of this name (`*`: of any): see `EventHub`."""
        return self.events.on(event, callback)

    def register_plugin(self, plugin: object, name: str) -> Plugin:
        """Tell a plugin of this program of every event. Raises PluginError where a hook of it isn't as specified."""
        return self.events.register(plugin, name)

    @property
    def state_path(self) -> str:
        """Where statistics are kept."""
        key = self.state_manager.store.project_dir
        return os.path.abspath(self.config.state_file) if self.config.state_file else f"{key}/guardian.json"

    async def __aenter__(self) -> MemoryGuardian:
        if self.config.auto_start and self.config.command and not await self.start_process():
            raise ClientError(self.last_refusal or "the command did not start", "correct process_command")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_process()

    async def start_process(self, more: dict[str, str] | None = None) -> bool:
        """Start the configured command and watch it; False where it can't be started (`last_refusal`)."""
        self.process_state = ProcessState.STARTING
        try:
            self.own_process = await OwnProcess.start(self.config, more or {})
        except ClientError as error:
            self.process_state, self.last_refusal = ProcessState.FAILED, error.what
            _LOG.error("%s", error.what)
            return False
        self.process_state = ProcessState.RUNNING
        if self.is_monitoring:
            self._watch(self.own_process.who)
        elif self.config.enabled:
            await self.start_monitoring(self.own_process.who.pid)
        return True

    async def stop_process(self) -> None:
        """End what was started, with all that it started, and the monitoring."""
        self.is_stopping = True
        async with self._lock:
            if self.own_process and self.own_process.exit_code is None:
                self.process_state = ProcessState.STOPPING
                await self.end_own(self.own_process)
            if self.own_process:
                self.process_state = ProcessState.STOPPED
        await self.stop_monitoring()

    async def start_monitoring(self, process_id: int) -> bool:
        """Watch a process and all that it starts; False where it isn't there, or something is watched already."""
        who = await asyncio.to_thread(identity.identify, process_id)
        if not self.config.enabled or self.is_monitoring or who is None:
            why = "it is switched off" if not self.config.enabled else "a process is watched already"
            self.last_refusal = f"process {process_id} is not there" if who is None else why
            _LOG.warning("nothing is watched: %s", self.last_refusal)
            return False
        self._watch(who)
        await asyncio.to_thread(self.restarter.look_for_guard)
        self.is_monitoring = True
        self.process_state = ProcessState.RUNNING
        await self.emit("monitoring_started", pid=os.getpid())
        self._task = asyncio.create_task(self.monitor_loop(), name=f"memguard watches {process_id}")
        _LOG.info("watching process %d", process_id)
        return True

    async def stop_monitoring(self) -> None:
        """Stop watching; the process goes on."""
        if not self.is_monitoring:
            return
        self.is_monitoring = False
        task, self._task = self._task, None
        if task and task is not asyncio.current_task():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._stopped()

    async def _stopped(self) -> None:
        self.save_statistics()
        await self.emit("monitoring_stopped", pid=os.getpid())
        _LOG.info("no longer watching")

    async def get_memory_usage(self) -> MemoryInfo | None:
        """What the process and all that it started hold; None where nothing is watched, it is gone, or unreadable."""
        try:
            return await self._measure()
        except HostError as error:
            _LOG.debug("no reading: %s", error.what)
            return None

    async def _measure(self) -> MemoryInfo | None:
        """Raises HostError where the process is there and can't be read."""
        return await asyncio.to_thread(self._watched.read) if self._watched else None

    def determine_memory_state(self, memory_mb: float) -> MemoryState:
        """Which limit a size has reached."""
        return MemoryState.of(self.limits.state_of(round(memory_mb * MEGABYTE_BYTES)))

    async def monitor_loop(self) -> None:
        """Look, decide, wait: for as long as the state's interval says, less where something grows."""
        while self.is_monitoring:
            watch = self._watched
            try:
                info = await self._measure()
                if watch is not self._watched:  # replaced meanwhile: what was read is of the one before
                    continue
                if watch is None or info is None:
                    await self._ended()
                    continue
                await self.take_reading(info)
                pause_s = self._pause_s(watch, info)
            except Exception as error:  # noqa: BLE001  a defect must not end the watch
                if watch is not self._watched:
                    continue
                await self.handle_monitoring_error(error)
                pause_s = self.config.monitoring.normal_interval
            await self._sleep(pause_s)

    async def take_reading(self, info: MemoryInfo) -> None:
        """Everything that follows from one reading."""
        self.error_count = 0
        self.stats.update(info.memory_mb)
        state = self.determine_memory_state(info.memory_mb)
        _LOG.debug("%.1f MB in %d processes: %s", info.memory_mb, info.processes, state.value)
        if state is not self.memory_state:
            before, self.memory_state = self.memory_state, state
            await self.handle_state_transition(before, state)
        await self.restarter.judge(state)
        if await self.should_restart(info):
            await self.initiate_restart(f"{format_size(info.footprint_bytes)}: over the {state.value} limit")
        verdict = await asyncio.to_thread(self.restart_protection.verdict)
        await self.degradation.update(
            info, self.limits, self.restarter.seen_with(verdict), is_judged=not self.restarter.is_settling
        )

    async def handle_state_transition(self, before: MemoryState, state: MemoryState) -> None:
        """Tell of a limit that was reached, the first time with this process: a size wavers around each of them."""
        if state.severity < MemoryState.CRITICAL.severity:
            self.restarter.was_asked = False
        if state.severity <= before.severity:
            _LOG.info("memory is back at %s", state.value)
            return
        told = self._watched.told if self._watched else set()
        if state in told:
            _LOG.info("%.0f MB: the %s limit is reached again", self.stats.memory_mb, state.value)
            return
        told.add(state)
        level = logging.CRITICAL if state is MemoryState.EMERGENCY else logging.WARNING
        _LOG.log(level, "%.0f MB: the %s limit is reached", self.stats.memory_mb, state.value)
        if len(told) == 1:
            await self.emit("memory_warning", **self._reached(MemoryState.WARNING))
        await self.emit("memory_threshold_exceeded", **self._reached(state))

    def _reached(self, state: MemoryState) -> dict[str, Any]:
        limit_bytes = self.limits.limit_of(state.name)
        return {
            "state": state.name, "memory_mb": self.stats.memory_mb, "threshold_mb": limit_bytes / MEGABYTE_BYTES,
            "process_id": self.process_id, "footprint_bytes": round(self.stats.memory_mb * MEGABYTE_BYTES),
            "limit_bytes": limit_bytes,
        }  # fmt: skip

    async def should_restart(self, info: MemoryInfo) -> bool:
        """Whether the process is over its critical limit, and a restart is allowed; a refusal is said once."""
        if self.determine_memory_state(info.memory_mb).severity < MemoryState.CRITICAL.severity or self.is_stopping:
            return False
        return await self.restarter.is_allowed()

    async def initiate_restart(self, reason: str) -> bool:
        """Restart the process, if that is allowed: snapshot, end, start. False where it isn't, or did not succeed.

        Of a guarded session, True means that its watchdog was asked: it restarts at the next turn boundary.
        """
        async with self._lock:
            return await self.restarter.restart(reason)

    async def end_own(self, process: OwnProcess) -> None:
        """End what was started, with all that it started; who is spared is said."""
        policy = self.config.restart_policy
        watch = self._watched or ProcessWatch(process.who, self.limits)
        result = await process.end(watch.probe.lineage, policy.graceful_timeout, policy.force_kill_timeout)
        for _, name, why in result.spared:
            _LOG.warning("%s is left running: %s", printable(name, 64), why)

    async def restore_state(self, state_id: str | None = None) -> bool:
        """Give this program back what a state holds (`StateManager.restore_state`), and tell."""
        if not await self.state_manager.restore_state(state_id):
            return False
        await self.emit("state_restored", strategy="resume", generation=self.stats.restarts)
        return True

    async def handle_monitoring_error(self, error: Exception) -> None:
        """Count readings that fail: another way to measure is tried, and after `max_errors` in a row, time counts."""
        self.error_count += 1
        self.stats.errors += 1
        _LOG.warning("no reading (%d in a row): %s", self.error_count, printable(described(error), 300))
        if self.error_count > self.max_errors:
            await self.enable_degraded_mode()
        else:
            await self.try_fallback_monitoring()

    async def try_fallback_monitoring(self) -> bool:
        """Measure by psutil from now on, if that works; whether it does."""
        if self._watched is None:
            return False
        try:
            await asyncio.to_thread(self._watched.read_otherwise)
        except HostError:
            return False
        _LOG.info("memory is measured by psutil from now on")
        return True

    async def enable_degraded_mode(self) -> None:
        """Nothing can be decided by sizes: go by time, with a snapshot each `time_based_interval_s`."""
        if time.monotonic() - self._captured_s < self.time_based_interval_s:
            return
        self._captured_s = time.monotonic()
        await self.degradation.handle_failure(Failure.MONITORING, "no reading works")
        if await self.state_manager.capture_state("memory can't be read: by time") is None:
            await self.degradation.handle_failure(Failure.CAPTURE, self.state_manager.last_error)

    async def when_settled(self) -> None:
        """Wait until no restart is under way, and the end of a process is on record."""
        async with self._lock:
            task = self._task
        if task and self.own_process and self.own_process.exit_code is not None:
            await asyncio.wait([task])

    def get_statistics(self) -> dict[str, Any]:
        """Counts, sizes (MB), states and how protection stands; all of it as JSON can hold it."""
        return {
            **self.stats.to_dict(),
            "process_id": self.process_id,
            "is_monitoring": self.is_monitoring,
            "memory_state": self.memory_state.value,
            "process_state": self.process_state.value,
            "degradation_mode": self.degradation.mode.value,
            "error_count": self.error_count,
            "last_refusal": self.last_refusal,
            "uptime_s": round(time.monotonic() - self._began_s, 1),
            "thresholds_mb": {name: getattr(self.config.thresholds, name) for name in _LEVELS},
            "restart_protection": self.restart_protection.statistics,
            "states": self.state_manager.statistics(),
            "config_problems": list(self.config_problems),
        }

    @property
    def process_id(self) -> int:
        """Whom it watches; 0 for nobody."""
        return self._watched.who.pid if self._watched else 0

    async def emit(self, event: str, **fields: Any) -> None:
        """Tell callbacks and plugins; every event names the project and the process."""
        common = {"project": self.state_manager.project, "client_pid": self.process_id}
        await self.events.emit(event, {**common, **fields})

    def save_statistics(self) -> None:
        """Keep the counts, where the configuration says so; a disk that refuses costs them, and nothing else."""
        if not self.config.persist_state:
            return
        try:
            self.stats.save(self.state_path)
        except OSError as error:
            _LOG.warning("statistics are not kept: %s", error.strerror or error)

    def _watch(self, who: ProcessId) -> None:
        self._watched = ProcessWatch(who, self.limits)
        self.memory_state = MemoryState.NORMAL
        self.stats.begin_process()
        self.state_manager.watch(who, self.config.directory)

    async def _ended(self) -> None:
        """The process is gone. While it is being replaced, that is no end."""
        if self._lock.locked():
            await self._sleep(_REPLACING_POLL_S)
            return
        if self.own_process:
            code = await self.own_process.wait()
            self.process_state = ProcessState.STOPPED if code == 0 or self.is_stopping else ProcessState.FAILED
            await self.restarter.process_ended(code)
        else:
            self.process_state = ProcessState.STOPPED
        self.is_monitoring, self._task = False, None
        await self._stopped()

    def _pause_s(self, watch: ProcessWatch, info: MemoryInfo) -> float:
        interval_s = self.config.monitoring.get_check_interval(self._watched_as())
        pause_s = watch.pause_s(info, self.memory_state, interval_s)
        return min(pause_s, _SETTLING_PAUSE_S) if self.restarter.is_settling else pause_s

    def _watched_as(self) -> str:
        """The state whose interval counts: a mode looks as closely as the state of the same weight."""
        return list(MemoryState)[max(self.memory_state.severity, self.degradation.mode.severity)].value

    async def _sleep(self, pause_s: float) -> None:
        """Until the next look, or the end of the process that was started here."""
        process = self.own_process
        if process is None or process.exit_code is not None:
            await asyncio.sleep(pause_s)
            return
        end = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait([end], timeout=pause_s)
        finally:
            end.cancel()
