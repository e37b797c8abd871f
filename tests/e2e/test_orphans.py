"""What a client that was killed has left: ended at the next session's start, and by `memguard reap`."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .api_stand_in import ApiStandIn, Script, bash, text
from .guarded import Guarded
from .harness import PROGRAMS, Client, WaitingTool, clean_environment
from .processes import is_alive, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e


class Leaver:
    """A tool call that begins a tmux server and a daemon, and then waits: all of it is there when its client dies."""

    def __init__(self, tool: WaitingTool, socket: Path) -> None:
        self._tool = tool
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        server = shlex.join([*self._tmux, "new-session", "-d", "sleep 120"])
        daemon = shlex.join([sys.executable, "-I", "-S", str(PROGRAMS / "daemon.py")])
        self.command = f"{server}; {daemon} {tool.command}; {tool.command}"

    def pids(self) -> list[int]:
        """The daemon's and the waiting tool's, once both run."""
        self._tool.wait_for_run(2)
        return self._tool.pids()

    def server_pid(self) -> int:
        """The tmux server's; 0 while there is none."""
        done = subprocess.run(
            [*self._tmux, "display-message", "-p", "#{pid}"], capture_output=True, text=True, check=False
        )
        return int(done.stdout or 0)


@pytest.fixture
def leaver(tool: WaitingTool, tmp_path: Path) -> Iterator[Leaver]:
    """Its tmux server is ended by its pid, since memguard leaves it alone."""
    leaver = Leaver(tool, tmp_path / "tools-tmux")
    yield leaver
    if pid := leaver.server_pid():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def neighbour(client: Client) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else's process in the same folder, of the same user and home."""
    environment = clean_environment(client.home, "http://127.0.0.1:1")
    with subprocess.Popen(["sleep", "300"], cwd=client.project, env=environment, start_new_session=True) as process:
        yield process
        process.kill()


def _leave(guarded: Guarded, client: Client, api: ApiStandIn, leaver: Leaver) -> list[int]:
    """A plain client in an opted-in project, killed in the middle of the call; what it has left."""
    api.reply = Script(
        {"leave it": [[bash(leaver.command)], [text("never said")]], "hello": [[text("hello yourself")]]}
    )
    client.environment = guarded.environment
    with client.open() as terminal:
        client.ready(terminal)
        terminal.send("leave it")
        pids = leaver.pids()
        wait_until(leaver.server_pid, "the tool's tmux server")
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.wait_for_exit() == 128 + signal.SIGKILL
    assert all(map(is_alive, pids))
    return pids


def test_the_next_start_ends_what_a_killed_client_left(
    guarded: Guarded, client: Client, api: ApiStandIn, leaver: Leaver, neighbour: subprocess.Popen[bytes]
) -> None:
    pids = _leave(guarded, client, api, leaver)
    server = leaver.server_pid()
    with client.open() as terminal:
        client.ready(terminal)
        wait_until(lambda: not any(map(is_alive, pids)), "end of what was left", seen=terminal.screen)
        terminal.wait_for("a session that is over has left")
        terminal.send("hello")
        terminal.wait_for("hello yourself")
    assert is_alive(server)
    assert neighbour.poll() is None


def test_reap_ends_what_a_killed_client_left_and_names_what_it_spares(
    guarded: Guarded, client: Client, api: ApiStandIn, leaver: Leaver, neighbour: subprocess.Popen[bytes]
) -> None:
    pids = _leave(guarded, client, api, leaver)
    server = leaver.server_pid()
    planned = guarded.memguard("reap", "--dry-run")
    assert all(map(is_alive, pids))
    assert "would be ended" in planned
    said = guarded.memguard("reap").splitlines()
    assert not any(map(is_alive, pids))
    assert is_alive(server)
    assert neighbour.poll() is None
    (spared,) = [line for line in said if f"pid {server} " in line]
    assert spared.startswith("left alone")
    assert "bound to a terminal" in spared
    assert str(neighbour.pid) not in "\n".join(said)
