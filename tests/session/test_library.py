"""A program that watches a session of `memguard run`: it asks, and the session's own watchdog restarts it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator

import pytest

from memguard import MemoryGuardian, MemoryGuardianConfig
from tests.sandbox import Sandbox, wait_until


@pytest.fixture
def session(opted_in: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """One that waits for input, and may be restarted once; this program runs on the same machine."""
    for name in ("HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, opted_in.environment[name])
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(opted_in.project)
    opted_in.config("[restart_policy]\nmax_attempts = 1\ninitial_cooldown = 0\n")
    session = opted_in.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    yield session
    session.terminate()
    session.communicate(timeout=30)


def test_a_guarded_sessions_watchdog_is_asked_and_its_refusal_is_told(
    opted_in: Sandbox, session: subprocess.Popen[bytes]
) -> None:
    async def restart(pid: int) -> tuple[bool, str]:
        guardian = MemoryGuardian(MemoryGuardianConfig())
        assert await guardian.start_monitoring(pid)
        was_asked = await guardian.initiate_restart("a program wants it")
        await guardian.stop_monitoring()
        return was_asked, guardian.last_refusal

    first = opted_in.client_pid()
    assert asyncio.run(restart(first))[0]
    wait_until(lambda: opted_in.client_pid() not in (0, first), "another client")
    wait_until(lambda: opted_in.events("restart_completed"), "it has settled", 30)
    assert session.poll() is None
    was_asked, why = asyncio.run(restart(opted_in.client_pid()))
    assert not was_asked
    assert "the limit is 1" in why
