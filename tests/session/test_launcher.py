"""The launcher between two clients: what it gives on, and what it tells when there is no next one."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.ticket import RESUME, Ticket
from tests.sandbox import Sandbox, wait_until

HOLD = ("--steps", "1", "--leak-mb", "1", "--hold")
# Leads a process session on the terminal, and runs its command there, in the foreground or in the background.
LEADS = "import fcntl, os, subprocess, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
FOREGROUND = LEADS + "os.execv(sys.argv[1], sys.argv[1:])"
BACKGROUND = LEADS + "sys.exit(subprocess.call(sys.argv[1:], process_group=0))"


@pytest.fixture
def tty() -> Iterator[int]:
    """A terminal's inner end."""
    outer, inner = pty.openpty()
    yield inner
    os.close(outer)
    os.close(inner)


def _start(sandbox: Sandbox, *words: str, stdin: int, where: str) -> subprocess.Popen[bytes]:
    command = sandbox.command("run", "--client", sandbox.leaky_client(), "--", *words)
    return subprocess.Popen(
        [sys.executable, "-c", where, *command], cwd=sandbox.project, env=sandbox.environment, stdin=stdin,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def _held(sandbox: Sandbox) -> int:
    """The pid of a client whose turn is over."""
    wait_until(lambda: any(line["event"] == "Stop" for line in sandbox.spool()), "the turn is over")
    return sandbox.client_pid()


def _pairs(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def _end_for_restart(sandbox: Sandbox, is_swept: bool, is_prompt_given: bool = True) -> None:
    """What the watchdog does: a ticket, and the signal."""
    (guard,) = sandbox.guards()
    client = ProcessId.from_text(_pairs(guard / "client")["id"])
    (session,) = (path.name for path in (guard / "sessions").iterdir())
    ticket = Ticket(os.urandom(4).hex(), client, session, RESUME)
    ticket.swept, ticket.is_prompt_given, ticket.is_interrupted = is_swept, is_prompt_given, True
    ticket.write(str(guard / "ticket"))
    os.kill(client.pid, signal.SIGTERM)


def _next_client(sandbox: Sandbox, first: int) -> list[str]:
    """The command line of the client that follows, once its turn is over."""
    pid = wait_until(lambda: sandbox.client_pid() not in (0, first) and sandbox.client_pid(), "another client")
    wait_until(
        lambda: any(line["event"] == "Stop" and line["client_pid"] == pid for line in sandbox.spool()), "its turn's end"
    )
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def _echoes(tty: int) -> bool:
    return bool(termios.tcgetattr(tty)[3] & termios.ECHO)


def test_the_launch_prompt_is_not_given_again_by_a_second_restart(opted_in: Sandbox) -> None:
    """The client in between only carries a turn on: no prompt ever comes to it."""
    session = opted_in.start(*HOLD, "--", "LAUNCH-PROMPT")
    first = _held(opted_in)
    _end_for_restart(opted_in, is_swept=True)
    assert "LAUNCH-PROMPT" not in _next_client(opted_in, first)
    second = opted_in.client_pid()
    _end_for_restart(opted_in, is_swept=True, is_prompt_given=False)
    words = _next_client(opted_in, second)
    assert "--resume" in words
    assert "LAUNCH-PROMPT" not in words
    session.terminate()
    session.communicate(timeout=20)


def test_relaunches_are_counted_by_the_launcher_itself(opted_in: Sandbox) -> None:
    opted_in.config("[restart_policy]\nmax_attempts = 1\n")
    session = opted_in.start(*HOLD, "--", "count")
    first = _held(opted_in)
    _end_for_restart(opted_in, is_swept=True)
    _next_client(opted_in, first)
    _end_for_restart(opted_in, is_swept=True)
    output, _ = session.communicate(timeout=20)
    assert session.returncode == 143
    assert b"take the session up again: memguard run -- --resume " in output


def test_a_launcher_that_is_ended_between_two_clients_starts_none_and_leaves_the_echo_on(
    opted_in: Sandbox, tty: int
) -> None:
    session = _start(opted_in, *HOLD, "--", "count", stdin=tty, where=FOREGROUND)
    _held(opted_in)
    watchdog = opted_in.watchdog_pid()
    os.kill(watchdog, signal.SIGSTOP)  # it would withdraw the ticket, which isn't its own
    _end_for_restart(opted_in, is_swept=False)
    wait_until(lambda: not _echoes(tty), "the terminal is kept quiet")
    session.send_signal(signal.SIGTERM)
    os.kill(watchdog, signal.SIGCONT)
    output, _ = session.communicate(timeout=20)
    assert session.returncode == 143, output
    assert _echoes(tty)
    wait_until(lambda: not opted_in.pids(), "nothing is left")


def test_in_the_background_a_terminal_is_waited_for_but_not_against_a_signal(opted_in: Sandbox, tty: int) -> None:
    session = _start(opted_in, *HOLD, "--", "count", stdin=tty, where=BACKGROUND)
    first = _held(opted_in)
    (guard,) = opted_in.guards()
    launcher = int(_pairs(guard / "guard")["launcher"].split(":")[0])
    _end_for_restart(opted_in, is_swept=True)
    wait_until(lambda: not os.path.exists(f"/proc/{first}"), "the client is gone")
    assert _echoes(tty)
    os.kill(launcher, signal.SIGTERM)
    output, _ = session.communicate(timeout=20)
    assert session.returncode == 143, output


def test_print_mode_needs_no_terminal_to_go_on_in_the_background(opted_in: Sandbox, tty: int) -> None:
    words = ("-p", *HOLD, "--", "count")
    session = _start(opted_in, *words, stdin=tty, where=BACKGROUND)
    first = _held(opted_in)
    _end_for_restart(opted_in, is_swept=True)
    wait_until(lambda: opted_in.client_pid() not in (0, first), "another client")
    os.kill(opted_in.client_pid(), signal.SIGKILL)
    session.communicate(timeout=20)
    assert session.returncode == 137


def test_a_client_that_fails_as_soon_as_it_was_started_again_leaves_the_way_back(opted_in: Sandbox) -> None:
    session = opted_in.start(*HOLD, "--", "count")
    _held(opted_in)
    (opted_in.folder / "claude").write_text("#!/bin/sh\necho No conversation found\nexit 1\n")
    (transcript,) = opted_in.home.glob(".claude/projects/*/*.jsonl")
    _end_for_restart(opted_in, is_swept=True)
    output, _ = session.communicate(timeout=20)
    assert session.returncode == 1
    assert f"memguard run -- --resume {transcript.stem}" in output.decode()
