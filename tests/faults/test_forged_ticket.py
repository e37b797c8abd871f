"""A ticket names what must have ended and what may be resumed; a forged one launches nothing new."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from memguard.core.identity import ProcessId
from memguard.core.ticket import RESUME, Ticket
from tests.sandbox import Sandbox, wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


@pytest.fixture
def held(opted_in: Sandbox) -> subprocess.Popen[bytes]:
    """A session whose turn is over and whose client waits."""
    session = opted_in.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    return session


def _client(guard: Path) -> ProcessId:
    return ProcessId.from_text(dict(line.split("=", 1) for line in (guard / "client").read_text().split())["id"])


def _forge(sandbox: Sandbox, client: ProcessId | None = None, session_id: str = "") -> None:
    (guard,) = sandbox.guards()
    (known,) = (path.name for path in (guard / "sessions").iterdir())
    ticket = Ticket("forged", client or _client(guard), session_id or known, RESUME)
    ticket.swept = True
    ticket.write(str(guard / "ticket"))


def _ends(sandbox: Sandbox, session: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    os.kill(sandbox.client_pid(), number)
    session.communicate(timeout=20)
    return session.returncode


def test_a_ticket_for_another_process_is_not_honoured(opted_in: Sandbox, held: subprocess.Popen[bytes]) -> None:
    (guard,) = opted_in.guards()
    client = _client(guard)
    _forge(opted_in, ProcessId(client.pid, client.start_ticks + 1, client.boot_id, client.pid_namespace))
    assert _ends(opted_in, held) == 143


def test_a_ticket_for_a_session_that_this_client_never_had_is_not_honoured(
    opted_in: Sandbox, held: subprocess.Popen[bytes]
) -> None:
    _forge(opted_in, session_id="99999999-9999-9999-9999-999999999999")
    assert _ends(opted_in, held) == 143


def test_a_client_that_ends_by_itself_cancels_the_ticket(opted_in: Sandbox, held: subprocess.Popen[bytes]) -> None:
    """As when the person types /exit between ticket and SIGTERM: SIGINT ends the leaky client with another status."""
    _forge(opted_in)
    assert _ends(opted_in, held, signal.SIGINT) == 128 + signal.SIGINT


def test_a_ticket_of_the_right_process_starts_only_what_the_launcher_holds(
    opted_in: Sandbox, held: subprocess.Popen[bytes]
) -> None:
    """The same user can forge it all: what they get is the session's own restart."""
    first = opted_in.client_pid()
    _forge(opted_in)
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: opted_in.client_pid() not in (0, first), "another client")
    session_id = next(iter(opted_in.home.glob(".claude/projects/*/*.jsonl"))).stem
    # Until it has become the client, its process has no command line, or that of the launcher.
    wait_until(lambda: _words(opted_in.client_pid())[-3:-1] == ["--resume", session_id], "the client's command line")
    held.terminate()
    held.communicate(timeout=20)


def _words(pid: int) -> list[str]:
    """The command line of a client; empty while it still waits to begin, as its launcher's."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = file.read().decode().split("\0")
    return [] if any("launcher/__main__.py" in word for word in words) else words
