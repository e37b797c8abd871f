"""Any of the processes may be killed at any time: the session comes first, and nothing is left behind."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tests.sandbox import Sandbox, wait_until

if TYPE_CHECKING:
    import subprocess


def _hold(sandbox: Sandbox, *words: str) -> subprocess.Popen[bytes]:
    """A session whose turn is over and whose client waits."""
    session = sandbox.start("--steps", "1", "--leak-mb", "1", "--hold", *words, "--", "count")
    wait_until(lambda: any(line["event"] == "Stop" for line in sandbox.spool()), "the turn is over")
    wait_until(sandbox.watchdog_pid, "a watchdog")
    return session


def _end(session: subprocess.Popen[bytes]) -> None:
    session.terminate()
    session.communicate(timeout=20)


def test_a_killed_watchdog_is_replaced_by_exactly_one_and_the_session_goes_on(opted_in: Sandbox) -> None:
    session = _hold(opted_in)
    client, watchdog = opted_in.client_pid(), opted_in.watchdog_pid()
    os.kill(watchdog, signal.SIGKILL)
    wait_until(lambda: opted_in.watchdog_pid() not in (0, watchdog), "another watchdog")
    assert opted_in.client_pid() == client
    assert session.poll() is None
    assert _watchdogs(opted_in) == [opted_in.watchdog_pid()]
    _end(session)


def _watchdogs(sandbox: Sandbox) -> list[int]:
    def command(pid: int) -> bytes:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read()
        except OSError:
            return b""

    return [pid for pid in sandbox.pids() if b"watchdog/__main__.py" in command(pid)]


def test_a_killed_launcher_leaves_no_orphan(opted_in: Sandbox) -> None:
    session = _hold(opted_in)
    session.kill()
    session.communicate(timeout=20)
    wait_until(lambda: not opted_in.pids(), "everything has ended", 40)
    assert opted_in.guards() == []
    assert opted_in.events("launcher_lost")


def test_a_killed_client_leaves_its_snapshot_and_the_way_back(opted_in: Sandbox) -> None:
    session = _hold(opted_in)
    (transcript,) = opted_in.home.glob(".claude/projects/*/*.jsonl")
    os.kill(opted_in.client_pid(), signal.SIGKILL)
    output, _ = session.communicate(timeout=20)
    assert session.returncode == 128 + signal.SIGKILL
    assert f"memguard run -- --resume {transcript.stem}" in output.decode()
    assert opted_in.events("restart_initiated") == []


def test_a_hang_up_ends_client_and_tools(opted_in: Sandbox) -> None:
    session = _hold(opted_in)
    session.send_signal(signal.SIGHUP)
    session.communicate(timeout=20)
    assert session.returncode == 128 + signal.SIGHUP
    wait_until(lambda: not opted_in.pids(), "nothing is left")


def test_a_client_that_ignores_sigterm_is_killed_and_restarted(opted_in: Sandbox) -> None:
    opted_in.config("[restart_policy]\ngraceful_timeout = 1\n")
    session = _hold(opted_in, "--ignore-term")
    first = opted_in.client_pid()
    opted_in.memguard("restart")
    wait_until(lambda: opted_in.client_pid() not in (0, first), "another client", 30)
    assert not os.path.exists(f"/proc/{first}")
    _kill_client(opted_in)
    session.communicate(timeout=20)


def _kill_client(sandbox: Sandbox) -> None:
    os.kill(sandbox.client_pid(), signal.SIGKILL)
