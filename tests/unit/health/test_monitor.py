"""`HealthMonitor` as a program uses it: real figures, its own events, and a loop that goes on."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from memguard.core.errors import UsageError
from memguard.core.host_settings import HealthLimits
from memguard.guard.health import Finding
from memguard.health import HEALTH_RECOVERED, HEALTH_WARNING, HealthMetrics, HealthMonitor, monitor
from memguard.host.health import Disk, read_disk

SEED = (
    "memory_mb", "cpu_percent", "disk_usage_percent", "network_bytes_sent", "network_bytes_recv", "system_load_avg",
    "uptime_seconds",
)  # fmt: skip
SMALL = HealthLimits(disk_free_bytes=1)


def made(folder: Path, limits: HealthLimits = SMALL, **more: float) -> HealthMonitor:
    return HealthMonitor(os.getpid(), limits, {"work": folder}, **more)


def test_its_figures_are_this_hosts(tmp_path: Path) -> None:
    async def twice() -> HealthMetrics:
        health = made(tmp_path)
        await health.check_health()
        deadline_s = time.process_time() + 0.15
        while time.process_time() < deadline_s:
            pass  # work, for the processor's share to be seen
        return await health.check_health()

    found = asyncio.run(twice())
    assert found.memory_mb == pytest.approx(psutil.Process().memory_full_info().uss / 1024**2, rel=0.3)
    assert 0 < found.cpu_percent <= 100
    assert found.process_cpu_percent > 10
    assert found.disk_usage_percent == pytest.approx(psutil.disk_usage(str(tmp_path)).percent, abs=1)
    assert found.network_bytes_sent >= 0 <= found.network_bytes_recv
    assert found.system_load_avg == pytest.approx(os.getloadavg()[0], abs=2)
    assert found.uptime_seconds == pytest.approx(time.time() - psutil.boot_time(), abs=5)
    assert 0 < found.process_uptime_seconds < found.uptime_seconds
    assert found.memory_available_bytes > 0 < found.disk_free_bytes
    assert [disk.what for disk in found.disks] == ["work"]
    assert set(SEED) < set(json.loads(json.dumps(found.to_dict())))


def test_the_memory_is_that_of_the_whole_tree(tmp_path: Path) -> None:
    holding = "held = bytearray(40 << 20); held[::4096] = b'x' * 10240; print('ready', flush=True); input()"
    starting = "import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', sys.argv[1]])"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", starting, holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        found = asyncio.run(HealthMonitor(parent.pid, SMALL, {"work": tmp_path}).check_health())
        parent.communicate("\n")
    assert 40 < found.memory_mb < 80


def test_a_process_that_is_gone_has_no_figures_and_all_else_has(tmp_path: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    found = asyncio.run(HealthMonitor(done.pid, SMALL, {"work": tmp_path}).check_health())
    assert (found.memory_mb, found.process_cpu_percent, found.process_uptime_seconds) == (-1.0, -1.0, -1.0)
    assert found.uptime_seconds > 0


def test_a_limit_that_is_crossed_is_called_back_once_and_its_end_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {"bytes": 10**6}

    def acted(what: str, path: str) -> Disk:
        disk = read_disk(what, path)
        disk.free_bytes = free["bytes"]
        return disk

    monkeypatch.setattr(monitor, "read_disk", acted)
    heard: list[tuple[str, str]] = []

    def hear(event: str, finding: Finding) -> None:
        heard.append((event, finding.name))

    async def looks() -> None:
        health = made(tmp_path, HealthLimits())
        for event in (HEALTH_WARNING, HEALTH_RECOVERED):
            health.on(event, partial(hear, event))
        health.on(HEALTH_WARNING, lambda _: 1 // 0)
        for size_bytes in (10**6, 10**6, 10**12, 10**12):
            free["bytes"] = size_bytes
            await health.check_health()
            assert bool(health.warnings) == (size_bytes == 10**6)

    asyncio.run(looks())
    assert heard == [(HEALTH_WARNING, "work"), (HEALTH_RECOVERED, "work")], "a callback that fails stops nothing"


def test_another_event_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no event 'health'"):
        made(tmp_path).on("health", print)


def test_a_file_system_that_hangs_holds_up_neither_the_loop_nor_the_end_of_the_program(tmp_path: Path) -> None:
    code = f"""
import asyncio, time
from memguard.core.host_settings import HealthLimits
from memguard.guard.health import Finding
from memguard.health import HealthMonitor, monitor
monitor.read_disk = lambda what, path: time.sleep(3600)
async def main():
    health, ticks = HealthMonitor(None, HealthLimits(), {{"work": {str(tmp_path)!r}}}, timeout_seconds=0.3), 0
    task, began = asyncio.ensure_future(health.check_health()), time.monotonic()
    while not task.done():
        await asyncio.sleep(0.01)
        ticks += 1
    found, first_s, began = await task, time.monotonic() - began, time.monotonic()
    await health.check_health()
    print(ticks > 5, first_s < 2, time.monotonic() - began < 0.2, found.disk_usage_percent, found.uptime_seconds > 0)
    print(*(finding.what for finding in health.warnings))
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    lines = done.stdout.splitlines()
    assert lines == ["True True True -1.0 True", "the file system of work does not answer"], done.stderr


def test_no_connection_is_opened_and_no_program_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be sent, and nothing started")

    health = made(tmp_path)
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "sendto", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert loop.run_until_complete(health.check_health()).uptime_seconds > 0
    loop.close()


def test_what_psutil_cannot_tell_is_minus_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise FileNotFoundError("/proc")

    for name in ("cpu_times", "net_io_counters", "boot_time", "virtual_memory"):
        monkeypatch.setattr(psutil, name, nothing)
    monkeypatch.setattr(os, "getloadavg", nothing)
    found = asyncio.run(HealthMonitor(None, SMALL, {"work": tmp_path}).check_health())
    missing = (
        found.memory_mb, found.cpu_percent, found.network_bytes_sent, found.network_bytes_recv, found.system_load_avg,
        found.uptime_seconds, found.memory_available_bytes, found.load_per_cpu,
    )  # fmt: skip
    assert set(missing) == {-1}


def test_it_goes_on_looking_after_a_look_that_failed_until_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def watched() -> int:
        health, third, looks = made(tmp_path), asyncio.Event(), 0

        async def look() -> None:
            nonlocal looks
            looks += 1
            if looks == 3:
                third.set()
            raise TimeoutError("the host does not answer")

        monkeypatch.setattr(health, "check_health", look)
        task = asyncio.ensure_future(health.run(interval_seconds=0.01))
        await third.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return looks

    assert asyncio.run(asyncio.wait_for(watched(), 20)) >= 3
