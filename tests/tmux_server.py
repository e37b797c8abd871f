"""A tmux server of a test's own, with the environment of the test's own machine; ended by its pid."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.sandbox import wait_until


class TmuxServer:
    """Panes as a person has them: what runs in one inherits TMUX and TMUX_PANE from this very server."""

    def __init__(self, socket: Path, cwd: Path, environment: Mapping[str, str], *words: str) -> None:
        self.socket = socket
        self._environment = {**environment, "SHELL": "/bin/sh"}
        size = ("-x", "120", "-y", "40")
        self.ask("-f", "/dev/null", "new-session", "-d", *size, "-c", str(cwd), *words)
        self.pid = int(self.ask("display-message", "-p", "#{pid}"))

    def ask(self, *words: str) -> str:
        """One tmux command; what it prints."""
        command = ["tmux", "-S", str(self.socket), *words]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.strip()

    def of_pane(self, pane: str, name: str) -> str:
        """One fact of a pane, such as `pane_pid`."""
        return self.ask("display-message", "-p", "-t", pane, f"#{{{name}}}")

    def panes(self) -> list[str]:
        """The ids of all panes."""
        return self.ask("list-panes", "-a", "-F", "#{pane_id}").split()

    def pane_pid(self, pane: str) -> int:
        """The process that a pane was made for."""
        return int(self.of_pane(pane, "pane_pid"))

    def screen(self, pane: str) -> str:
        """What a pane shows, with what has scrolled off."""
        return self.ask("capture-pane", "-p", "-S", "-", "-t", pane)

    def type(self, pane: str, line: str) -> None:
        """Type a line, and Enter."""
        self.ask("send-keys", "-t", pane, "-l", "--", line)
        self.ask("send-keys", "-t", pane, "Enter")

    def close(self) -> None:
        """End it, which hangs up on all that runs in it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
            os.kill(self.pid, signal.SIGTERM)
        wait_until(lambda: not _lives(self.pid), "the end of the test's tmux server")
        self.socket.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
