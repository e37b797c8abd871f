"""`MemoryAwareRunner`: any command, to its end, through its restarts."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memguard import (
    MemoryAwareRunner,
    MemoryGuardianConfig,
    MemoryThresholds,
    RestartNotice,
    RestartPolicy,
    restart_notice,
)
from memguard.config.sources import unknown_variables
from memguard.core.errors import ClientError
from tests.sandbox import ROOT, Sandbox, wait_until
from tests.unit.library.conftest import SteeredProgram, is_alive, until

pytestmark = pytest.mark.usefixtures("machine")

# Grows past the limit, unless it was started again: then it says what it was told, and succeeds.
GROWS_ONCE = """\
import time
from memguard import restart_notice
notice = restart_notice()
if notice:
    print(notice.restarts, bool(notice.state_id), notice.reason, flush=True)
    raise SystemExit(7)
held = []
while True:
    held.append(b"x" * 4_000_000)
    time.sleep(0.01)
"""


def limited(*command: str) -> MemoryGuardianConfig:
    return MemoryGuardianConfig(thresholds=MemoryThresholds(critical=80), process_command=list(command))


def test_a_command_that_grows_is_restarted_and_its_last_exit_code_is_the_runners(
    capfd: pytest.CaptureFixture[str],
) -> None:
    runner = MemoryAwareRunner(limited(sys.executable, "-c", GROWS_ONCE))
    assert runner.run() == 7
    assert capfd.readouterr().out.startswith("1 True ")
    assert runner.get_statistics()["restarts"] == 1


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_the_commands(code: int) -> None:
    assert MemoryAwareRunner(limited(sys.executable, "-c", f"raise SystemExit({code})")).run() == code


def test_a_command_that_is_over_before_it_can_be_looked_at_has_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memguard.library.own_process.identity.identify", lambda _: None)
    assert MemoryAwareRunner(limited("/bin/sh", "-c", "exit 4")).run() == 4


def test_a_signal_is_the_commands_too() -> None:
    assert MemoryAwareRunner(limited("/bin/sh", "-c", "kill -9 $$")).run() == -9


def test_start_wait_and_stop_in_a_coroutine(program: SteeredProgram) -> None:
    async def guard() -> None:
        runner = MemoryAwareRunner(limited(*program.command))
        assert await runner.start()
        await until(program.starts, "its start")
        pid = runner.guardian.process_id
        assert is_alive(pid)
        waiting = asyncio.create_task(runner.wait())
        await runner.stop()
        assert await waiting == -signal.SIGTERM
        assert not is_alive(pid)
        assert not runner.guardian.is_monitoring

    asyncio.run(guard())


def test_a_coroutine_that_is_cancelled_leaves_nothing_behind(program: SteeredProgram) -> None:
    async def guard() -> None:
        running = asyncio.create_task(MemoryAwareRunner(limited(*program.command)).run_async())
        await until(program.starts, "its start")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(guard())
    assert not is_alive(int(program.starts()[0][0]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_runner_that_is_ended_ends_its_command_first(
    machine: Sandbox, program: SteeredProgram, number: signal.Signals
) -> None:
    code = "import sys; from memguard import MemoryAwareRunner as Runner, MemoryGuardianConfig as Config; "
    code += "Runner(Config(process_command=sys.argv[1:])).run()"
    words = [sys.executable, "-c", code, *program.command]
    with subprocess.Popen(words, cwd=machine.project, stderr=subprocess.DEVNULL) as process:
        wait_until(program.starts, "its start")
        os.kill(process.pid, number)
        process.wait(20)
    assert process.returncode
    assert not is_alive(int(program.starts()[0][0]))


def test_a_command_that_ignores_sigterm_is_killed_after_the_graceful_timeout(machine: Sandbox) -> None:
    stubborn = machine.folder / "stubborn"
    code = (
        f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(stubborn)!r}, 'w').close(); time.sleep(60)"
    )
    config = dataclasses.replace(
        limited(sys.executable, "-c", code), restart_policy=RestartPolicy(graceful_timeout=1, force_kill_timeout=5)
    )

    async def guard() -> None:
        runner = MemoryAwareRunner(config)
        await runner.start()
        await until(stubborn.exists, "its deafness")
        await runner.stop()
        assert await runner.wait() == -signal.SIGKILL

    asyncio.run(guard())


def test_without_a_command_there_is_no_runner() -> None:
    with pytest.raises(ClientError, match="needs a command"):
        MemoryAwareRunner(MemoryGuardianConfig())


def test_a_notice_goes_through_variables_that_are_no_settings() -> None:
    notice = RestartNotice(2, "too\nlarge", "abc-1", "20261123T013405Z-1f3a9c")
    assert restart_notice(notice.variables()) == dataclasses.replace(notice, reason="too?large")
    assert unknown_variables(notice.variables()) == []


@pytest.mark.parametrize("restarts", ["", "0", "-1", "x", "9" * 30])
def test_what_is_no_notice_is_none(restarts: str) -> None:
    assert restart_notice({"MEMGUARD_LIBRARY_RESTARTS": restarts}) is None


def test_ids_that_lead_elsewhere_are_left_out() -> None:
    variables = RestartNotice(1, "", "../x", "--version").variables()
    assert restart_notice(variables) == RestartNotice(1)


def test_importing_memguard_loads_nothing_of_the_library() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); import memguard; "
        "print(set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, ROOT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'memguard'}"


def test_everything_that_is_promised_is_importable_and_typed() -> None:
    import memguard

    stub = Path(memguard.__file__).with_suffix(".pyi").read_text()
    assert set(memguard._HOMES) == {line.split()[-1] for line in stub.splitlines() if " as " in line}
    for name in memguard._HOMES:
        assert getattr(memguard, name).__name__ == name
        assert name in dir(memguard)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = memguard.Nothing  # type: ignore[attr-defined]
