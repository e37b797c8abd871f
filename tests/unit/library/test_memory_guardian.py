"""`MemoryGuardian`: watching, telling, and what it does about a process that grows."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memguard import (
    DegradationMode,
    MemoryGuardian,
    MemoryGuardianConfig,
    MemoryInfo,
    MemoryState,
    MemoryThresholds,
    MonitoringConfig,
    ProcessState,
    RestartPolicy,
    RestartProtection,
    StateManager,
)
from memguard.core.errors import ClientError, HostError
from memguard.host.identity import identify
from memguard.library.process_watch import ProcessWatch
from memguard.plugins import RestartInitiated, hookimpl
from tests.sandbox import Sandbox
from tests.unit.library.conftest import SteeredProgram, environ_of, is_alive, until

pytestmark = pytest.mark.usefixtures("machine")


def told_by(guardian: MemoryGuardian) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    guardian.on("*", events.append)
    return events


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def test_it_is_made_of_a_configuration_alone_or_with_both_helpers(config: MemoryGuardianConfig, tmp_path: Path) -> None:
    alone = MemoryGuardian(config)
    assert isinstance(alone.state_manager, StateManager)
    assert isinstance(alone.restart_protection, RestartProtection)
    states, protection = StateManager(tmp_path / "own"), RestartProtection(config.restart_policy)
    given = MemoryGuardian(config, states, protection)
    assert (given.state_manager, given.restart_protection) == (states, protection)


@pytest.mark.parametrize(
    ("memory_mb", "state"), [(0, "normal"), (79.9, "normal"), (80, "warning"), (100, "critical"), (120, "emergency")]
)
def test_warning_is_80_percent_of_critical_and_emergency_120(memory_mb: float, state: str) -> None:
    guardian = MemoryGuardian(MemoryGuardianConfig(thresholds=MemoryThresholds(critical=100)))
    assert guardian.determine_memory_state(memory_mb) is MemoryState(state)


def test_the_states_have_the_values_of_the_specification() -> None:
    assert [state.value for state in MemoryState] == ["normal", "warning", "critical", "emergency"]
    assert [state.value for state in ProcessState] == [
        "not_started", "starting", "running", "stopping", "stopped", "restarting", "failed",
    ]  # fmt: skip


def test_start_monitoring_watches_a_process_until_stop_monitoring(program: SteeredProgram) -> None:
    async def watch(pid: int) -> None:
        guardian = MemoryGuardian(MemoryGuardianConfig())
        events = told_by(guardian)
        assert await guardian.start_monitoring(pid)
        assert guardian.is_monitoring
        assert not await guardian.start_monitoring(pid), "it watches one already"
        await until(lambda: guardian.get_statistics()["samples"] > 0, "a reading")
        await guardian.stop_monitoring()
        assert not guardian.is_monitoring
        assert names(events) == ["monitoring_started", "monitoring_stopped"]

    with program.run() as process:
        asyncio.run(watch(process.pid))
        assert process.poll() is None, "stopping to watch ends nothing"


def test_start_monitoring_says_no_to_a_pid_that_nobody_has(caplog: pytest.LogCaptureFixture) -> None:
    guardian = MemoryGuardian(MemoryGuardianConfig())
    assert not asyncio.run(guardian.start_monitoring(2**22 + 1))
    assert "is not there" in guardian.last_refusal
    assert "is not there" in caplog.text


def test_memory_usage_is_of_the_whole_tree_with_shared_memory_counted_once() -> None:
    code = (
        "import os, time\nheld = bytearray(60 * 1048576)\nheld[::4096] = b'x' * len(held[::4096])\n"
        "children = [os.fork() for _ in range(2)] if True else []\nprint('ready', flush=True)\ntime.sleep(60)"
    )

    async def read(pid: int) -> None:
        guardian = MemoryGuardian(MemoryGuardianConfig(thresholds=MemoryThresholds(critical=50)))
        assert await guardian.get_memory_usage() is None, "nothing is watched yet"
        await guardian.start_monitoring(pid)
        info = await guardian.get_memory_usage()
        await guardian.stop_monitoring()
        assert isinstance(info, MemoryInfo)
        assert info.processes == 4
        assert info.is_confirmed
        assert 60 < info.memory_mb < 100, "each of the four processes shows the same 60 MB"
        assert info.timestamp > 0

    with subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(4)]
        assert lines == [b"ready\n"] * 4
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        grandchildren = Path(f"/proc/{children[0]}/task/{children[0]}/children").read_text().split()
        try:
            asyncio.run(read(process.pid))
        finally:
            for pid in map(int, [*grandchildren, *children]):
                os.kill(pid, 9)
            process.kill()


def test_a_process_over_its_critical_limit_is_restarted_and_the_next_one_told_so(
    config: MemoryGuardianConfig, program: SteeredProgram
) -> None:
    async def guard() -> None:
        guardian = MemoryGuardian(dataclasses.replace(config, process_env={"MARK": "from-config"}))
        events = told_by(guardian)
        guardian.on("restart_initiated", lambda _: program.hold(0))
        async with guardian:
            running = guardian.process_state
            await until(program.starts, "its start")
            first = guardian.process_id
            program.hold(85)
            await until(lambda: "restart_completed" in names(events), "a restart that helped")
            assert not is_alive(first)
            assert guardian.process_id != first
        second = guardian.process_id
        assert not is_alive(second), "leaving the context ends what it started"
        assert (running, guardian.process_state) == (ProcessState.RUNNING, ProcessState.STOPPED)
        wanted = [
            "monitoring_started", "memory_warning", "memory_threshold_exceeded", "memory_threshold_exceeded",
            "restart_initiated", "state_captured", "restart_completed", "monitoring_stopped",
        ]  # fmt: skip
        assert [name for name in names(events) if name != "memory_threshold_exceeded"] == [
            name for name in wanted if name != "memory_threshold_exceeded"
        ]
        assert [start[1] for start in program.starts()] == ["-", "1"]
        assert {start[3] for start in program.starts()} == {"from-config"}
        warning = next(event for event in events if event["event"] == "memory_warning")
        assert {"memory_mb", "threshold_mb", "process_id"} <= set(warning)
        assert (warning["threshold_mb"], warning["process_id"]) == (64, first)
        begun = next(event for event in events if event["event"] == "restart_initiated")
        assert begun["attempt_number"] == 1
        assert begun["memory_mb"] >= 80
        assert "over the" in begun["reason"]
        statistics = guardian.get_statistics()
        assert (statistics["restarts"], statistics["failed_restarts"]) == (1, 0)
        assert statistics["restart_protection"]["settled"] == 1
        json.dumps(statistics)

    asyncio.run(guard())


DAEMON_MAKER = """\
import os, pathlib, sys, time
note, go = map(pathlib.Path, sys.argv[1:3])
if not os.fork():
    if not os.fork():
        os.setsid()
        note.write_text(str(os.getpid()))
        time.sleep(60)
        os._exit(0)
    while not go.exists():
        time.sleep(0.01)
    os._exit(0)
os.wait()
os.execv(sys.argv[3], sys.argv[3:])
"""


def test_initiate_restart_restarts_what_it_started_and_what_that_had_started(
    config: MemoryGuardianConfig, program: SteeredProgram, tmp_path: Path
) -> None:
    """Also a grandchild in a session of its own that has lost its parent."""
    note, go = tmp_path / "daemon", tmp_path / "go"
    words = ["-I", "-S", "-c", DAEMON_MAKER, str(note), str(go), *program.command]
    own = dataclasses.replace(config, process_command=[sys.executable], process_args=words)

    async def guard() -> None:
        async with MemoryGuardian(own) as guardian:
            await until(lambda: note.exists() and note.read_text(), "the daemon")
            daemon_pid = int(note.read_text())
            before = await guardian.get_memory_usage()
            assert before
            assert before.processes == 3
            go.touch()
            await until(program.starts, "the loss of its parent")
            after = await guardian.get_memory_usage()
            assert after
            assert after.processes == 2, "it still counts"
            assert is_alive(daemon_pid)
            assert await guardian.initiate_restart("by hand")
            assert not is_alive(daemon_pid)

    asyncio.run(guard())


def test_initiate_restart_says_why_it_does_not_restart_a_strangers_process(program: SteeredProgram) -> None:
    async def ask(pid: int) -> None:
        guardian = MemoryGuardian(MemoryGuardianConfig())
        events = told_by(guardian)
        await guardian.start_monitoring(pid)
        assert not await guardian.initiate_restart("please")
        await guardian.stop_monitoring()
        assert "did not start this process" in guardian.last_refusal
        failed = next(event for event in events if event["event"] == "restart_failed")
        assert failed["why"] == guardian.last_refusal

    with program.run() as process:
        asyncio.run(ask(process.pid))
        assert process.poll() is None


def test_a_spent_budget_leaves_the_process_running_in_read_only_and_writes_come_back_when_memory_falls(
    config: MemoryGuardianConfig, program: SteeredProgram, caplog: pytest.LogCaptureFixture
) -> None:
    async def guard() -> None:
        own = dataclasses.replace(config, restart_policy=RestartPolicy(max_attempts=0))
        guardian = MemoryGuardian(own)
        async with guardian:
            program.hold(85)
            await until(lambda: guardian.degradation.mode is DegradationMode.READ_ONLY, "READ_ONLY")
            assert not guardian.degradation.allows("Write")
            assert guardian.degradation.allows("Read")
            assert "the limit is 0" in guardian.last_refusal
            program.hold(110)
            await until(lambda: guardian.degradation.mode is DegradationMode.EMERGENCY, "EMERGENCY")
            program.hold(0)
            await until(lambda: guardian.degradation.allows("Write"), "the end of it")
            assert len(program.starts()) == 1

    with caplog.at_level(logging.DEBUG, logger="memguard.library"):
        asyncio.run(guard())
    refusals = [record for record in caplog.records if record.getMessage().startswith("no restart")]
    assert len(refusals) == 1, "said once, not at each reading"


def test_a_failed_restart_is_counted_told_and_followed_by_read_only(
    config: MemoryGuardianConfig, program: SteeredProgram
) -> None:
    async def guard() -> None:
        guardian = MemoryGuardian(config)
        events = told_by(guardian)

        def lose_the_program(_: dict[str, Any]) -> None:
            guardian.config.process_command = ["/nowhere/at/all"]

        guardian.on("restart_initiated", lose_the_program)
        async with guardian:
            program.hold(85)
            await until(lambda: "restart_failed" in names(events), "a restart that failed")
            await until(lambda: not guardian.is_monitoring, "the end")
        assert guardian.degradation.mode is DegradationMode.READ_ONLY
        assert guardian.restart_protection.statistics["failed"] == 1
        assert not guardian.restart_protection.can_restart()[0]

    asyncio.run(guard())


def test_a_restart_whose_next_process_is_back_over_the_limit_has_failed(
    config: MemoryGuardianConfig, program: SteeredProgram
) -> None:
    async def guard() -> None:
        guardian = MemoryGuardian(config)
        events = told_by(guardian)
        async with guardian:
            program.hold(85)
            await until(lambda: "restart_failed" in names(events), "its failure")
            failed = next(event for event in events if event["event"] == "restart_failed")
            assert failed["attempt"] == 1, "that none follows before it has settled is no news"
            assert guardian.restart_protection.statistics["breaker"] == "open"
            assert len(program.starts()) == 2

    asyncio.run(guard())


def test_a_capture_that_fails_does_not_keep_a_process_from_being_restarted(
    config: MemoryGuardianConfig, program: SteeredProgram, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    async def guard() -> None:
        states = StateManager(tmp_path / "states")
        (tmp_path / "states" / "keys").write_text("no folder")
        async with MemoryGuardian(config, states) as guardian:
            await until(program.starts, "its start")
            assert await guardian.initiate_restart("by hand")
            await until(lambda: len(program.starts()) == 2, "the next one")

    asyncio.run(guard())
    assert "continue without state preservation" in caplog.text


class Unreadable(ProcessWatch):
    """A process that hides its memory, as with `hidepid`."""

    def read(self) -> MemoryInfo | None:
        raise HostError("hidden", "look elsewhere")

    def read_otherwise(self) -> None:
        raise HostError("hidden, too", "look elsewhere")


def test_monitoring_that_fails_falls_back_to_checks_by_time(
    config: MemoryGuardianConfig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memguard.library.memory_guardian.ProcessWatch", Unreadable)
    own = dataclasses.replace(config, monitoring=MonitoringConfig(0.1, 0.1, 0.1, 0.1))

    async def guard() -> None:
        guardian = MemoryGuardian(own)
        guardian.max_errors = 2
        async with guardian:
            await until(guardian.state_manager.store.ids, "a snapshot by time")
            await until(lambda: guardian.error_count > 5, "more readings that fail")
            assert len(guardian.state_manager.store.ids()) == 1, "and no second one before its time"
            assert guardian.is_monitoring, "it goes on looking"

    asyncio.run(guard())
    assert "time-based checks" in caplog.text


def test_errors_are_counted_up_to_max_errors_and_another_way_to_measure_is_tried(program: SteeredProgram) -> None:
    async def watch(pid: int) -> None:
        guardian = MemoryGuardian(MemoryGuardianConfig())
        await guardian.start_monitoring(pid)
        await guardian.handle_monitoring_error(HostError("hidden", "look elsewhere"))
        info = await guardian.get_memory_usage()
        await guardian.stop_monitoring()
        assert guardian.get_statistics()["errors"] == 1
        assert info
        assert info.method == "psutil"
        assert info.memory_mb > 1

    with program.run() as process:
        asyncio.run(watch(process.pid))


def test_a_defect_in_a_listener_or_a_plugin_does_not_end_the_watch(
    config: MemoryGuardianConfig, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    class Plugin:
        @hookimpl
        def restart_initiated(self, event: RestartInitiated) -> None:
            heard.append(f"{event.attempt_number} {event.memory_mb > 0}")

        @hookimpl
        def state_captured(self) -> None:
            raise RuntimeError

    async def guard() -> None:
        guardian = MemoryGuardian(config)
        guardian.register_plugin(Plugin(), "mine")

        async def fail(_: dict[str, Any]) -> None:
            raise RuntimeError("a defect")

        guardian.on("restart_initiated", fail)
        async with guardian:
            await until(lambda: guardian.stats.samples > 0, "a reading")
            assert await guardian.initiate_restart("by hand")
            assert guardian.is_monitoring

    asyncio.run(guard())
    assert heard == ["1 True"]
    assert "a listener of restart_initiated failed" in caplog.text
    assert "plugin mine is disabled" in caplog.text


def test_a_state_that_is_given_back_is_told(machine: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    async def restore() -> None:
        guardian = MemoryGuardian(MemoryGuardianConfig())
        events = told_by(guardian)
        assert not await guardian.restore_state()
        state = await guardian.state_manager.capture_state()
        assert state
        monkeypatch.chdir("/")
        assert await guardian.restore_state(state.state_id)
        assert Path.cwd() == machine.project
        assert names(events) == ["state_restored"]

    asyncio.run(restore())


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(Exception, match="is no event"):
        MemoryGuardian(MemoryGuardianConfig()).on("memory_treshold_exceeded", print)


def test_disabled_it_watches_and_restarts_nothing(config: MemoryGuardianConfig, program: SteeredProgram) -> None:
    async def guard() -> None:
        async with MemoryGuardian(dataclasses.replace(config, enabled=False)) as guardian:
            await until(program.starts, "its start")
            assert not guardian.is_monitoring
            assert not await guardian.initiate_restart("please")

    asyncio.run(guard())


def test_without_auto_start_entering_it_starts_nothing(config: MemoryGuardianConfig) -> None:
    async def guard() -> None:
        async with MemoryGuardian(dataclasses.replace(config, auto_start=False)) as guardian:
            assert guardian.process_state is ProcessState.NOT_STARTED
            assert await guardian.start_process()

    asyncio.run(guard())


def test_a_command_that_is_not_there_is_said() -> None:
    async def guard() -> None:
        with pytest.raises(ClientError, match="can't be started"):
            async with MemoryGuardian(MemoryGuardianConfig(process_command=["/nowhere/at/all"])):
                pass

    asyncio.run(guard())


@pytest.mark.parametrize("persists", [True, False])
def test_statistics_and_snapshots_outlive_the_program_where_state_persists(
    config: MemoryGuardianConfig, program: SteeredProgram, tmp_path: Path, persists: bool
) -> None:
    path = tmp_path / "kept" / "statistics.json"
    own = dataclasses.replace(config, persist_state=persists, state_file=str(path))

    async def guard() -> None:
        async with MemoryGuardian(own) as guardian:
            await until(program.starts, "its start")
            await guardian.initiate_restart("by hand")
            assert bool(guardian.state_manager.store.ids()) is persists

    asyncio.run(guard())
    assert path.exists() is persists
    assert MemoryGuardian(own).get_statistics()["restarts"] == int(persists)
    if persists:
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_working_directory_and_the_variables_are_the_configured_ones(
    config: MemoryGuardianConfig, program: SteeredProgram, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    async def guard() -> None:
        own = dataclasses.replace(config, working_directory=str(folder), process_env={"MARK": "hers"})
        async with MemoryGuardian(own) as guardian:
            await until(program.starts, "its start")
            assert b"MARK=hers" in environ_of(guardian.process_id)

    asyncio.run(guard())
    assert program.starts()[0][2:] == [str(folder), "hers"]


def test_a_faulty_value_costs_itself_alone_and_is_said(caplog: pytest.LogCaptureFixture) -> None:
    config = MemoryGuardianConfig(
        thresholds=MemoryThresholds(critical=100), monitoring=MonitoringConfig(normal_interval=-1)
    )
    guardian = MemoryGuardian(config)
    assert guardian.limits.critical_bytes == 100 * 1048576
    assert guardian.config.monitoring.normal_interval == 30
    assert any("normal_interval" in line for line in guardian.config_problems)
    assert "the default counts" in caplog.text


@pytest.mark.parametrize("state", ["normal", "warning", "critical", "emergency"])
def test_the_longest_pause_is_the_interval_of_the_state(state: str) -> None:
    """With limits far away, at which the watchdog's rule would wait for hours."""
    config = MemoryGuardianConfig(
        thresholds=MemoryThresholds(1 << 22, (1 << 22) + 1, (1 << 22) + 2),
        monitoring=MonitoringConfig(0.7, 0.6, 0.4, 0.2),
    )
    guardian = MemoryGuardian(config)
    guardian.memory_state = MemoryState(state)
    info = MemoryInfo(10)
    own = identify(os.getpid())
    assert own
    watch = ProcessWatch(own, guardian.limits)
    assert guardian._pause_s(watch, info) == pytest.approx(config.monitoring.get_check_interval(state), abs=0.05)


@pytest.mark.parametrize("fails", [False, True])
def test_a_reading_that_a_restart_has_overtaken_is_neither_the_next_processes_end_nor_its_error(
    config: MemoryGuardianConfig, program: SteeredProgram, fails: bool
) -> None:
    async def guard() -> None:
        guardian = MemoryGuardian(config)
        async with guardian:
            await until(lambda: guardian.stats.samples > 0, "a reading")
            measure, begun, replaced = guardian._measure, asyncio.Event(), asyncio.Event()

            async def overtaken() -> MemoryInfo | None:
                watched = guardian._watched
                begun.set()
                await replaced.wait()
                guardian._measure = measure  # type: ignore[method-assign]
                if fails:
                    raise HostError("it shows nothing any more", "look at the next")
                return watched.read() if watched else None

            guardian._measure = overtaken  # type: ignore[method-assign]  # a moment that can't be awaited
            await asyncio.wait_for(begun.wait(), 20)
            assert await guardian.initiate_restart("by hand")
            replaced.set()
            program.hold(70)
            await until(lambda: guardian.memory_state is MemoryState.WARNING, "WARNING")
            assert (guardian.stats.failed_restarts, guardian.stats.errors) == (0, 0)

    asyncio.run(guard())


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        ("DEBUG", "MB in 1 processes"), ("INFO", "restart 1: by hand"), ("WARNING", "the warning limit is reached"),
        ("ERROR", "no restart"), ("CRITICAL", "the emergency limit is reached"),
    ],
)  # fmt: skip
def test_each_level_of_the_log_has_what_the_specification_says(
    config: MemoryGuardianConfig, program: SteeredProgram, caplog: pytest.LogCaptureFixture, level: str, wanted: str
) -> None:
    async def guard() -> None:
        own = dataclasses.replace(config, persist_state=False, restart_policy=RestartPolicy(max_attempts=1))
        guardian = MemoryGuardian(own)
        async with guardian:
            await until(lambda: guardian.stats.samples > 0, "a reading")
            await guardian.initiate_restart("by hand")
            program.hold(70)
            await until(lambda: guardian.memory_state is MemoryState.WARNING, "WARNING")
            program.hold(110)
            await until(lambda: "no restart" in caplog.text, "a refusal")

    with caplog.at_level(logging.DEBUG, logger="memguard.library"):
        asyncio.run(guard())
    found = [record.levelname for record in caplog.records if wanted in record.getMessage()]
    assert found
    assert set(found) == {level}
