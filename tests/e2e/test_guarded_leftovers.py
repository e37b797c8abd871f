"""What the tools of a guarded session have left running, at a restart: ended, or spared, and told to the model."""

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
from .harness import PROGRAMS, WaitingTool
from .processes import is_alive, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e


class ToolsTmux:
    """A tmux server that a tool starts, with a pane that somebody could be working in."""

    def __init__(self, socket: Path) -> None:
        self._command = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        self.start_line = shlex.join([*self._command, "new-session", "-d", "sleep 120"])

    def pid(self) -> int:
        """The server's; 0 while there is none."""
        done = subprocess.run(
            [*self._command, "display-message", "-p", "#{pid}"], capture_output=True, text=True, check=False
        )
        return int(done.stdout or 0)


@pytest.fixture
def tools_tmux(tmp_path: Path) -> Iterator[ToolsTmux]:
    """Ended by its pid, since memguard leaves it alone."""
    server = ToolsTmux(tmp_path / "tools-tmux")
    yield server
    if pid := server.pid():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _digest(api: ApiStandIn) -> str:
    """What the model read of the restart, in its newest request."""
    said = "\n".join(api.turns[-1].texts("system"))
    assert said.count("memguard, which guards") == 1
    return said[said.index("memguard, which guards") :]


def test_what_tools_detached_is_ended_and_a_terminal_is_spared(
    guarded: Guarded, api: ApiStandIn, tool: WaitingTool, tools_tmux: ToolsTmux
) -> None:
    """Both in process sessions of their own, both reparented: what tells them apart is who may be looking."""
    daemon = shlex.join([sys.executable, "-I", "-S", str(PROGRAMS / "daemon.py")])
    start = f"setsid nohup {tool.command} >/dev/null 2>&1 & {daemon} {tool.command}; {tools_tmux.start_line}"
    api.reply = Script({"do it": [[bash(start)], [text("all started")]], "and now": [[text("still here")]]})
    with guarded.open() as terminal:
        first = guarded.ready(terminal)
        terminal.send("do it")
        terminal.wait_for("all started")
        tool.wait_for_run(2)
        server = wait_until(tools_tmux.pid, "the tool's tmux server")
        guarded.ready(terminal)
        guarded.memguard("restart")
        guarded.next_client(first)
        guarded.ready(terminal)
        assert [is_alive(pid) for pid in tool.pids()] == [False, False]
        assert is_alive(server)
        terminal.send("and now?")
        terminal.wait_for("still here")
        digest = _digest(api)
        for pid in tool.pids():
            assert f"- Ended: process {pid} " in digest
        assert f"- Still running: process {server} " in digest
        assert "tmux" in digest
