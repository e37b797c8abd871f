"""The real client under `memguard run`: the person's machine, with a terminal and an API stand-in."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from memguard.core.layout import project_key
from memguard.host.linux import read_tree

from .aftermath import command_line
from .api_stand_in import bash, text
from .harness import Client, WaitingTool, client_path
from .processes import is_alive, wait_until
from .terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from .api_stand_in import Request, Step

MB = 1024 * 1024
PROMPT_MARK = "\u276f"
LAUNCHER = "/memguard/launcher/"

HUNGRY_PROGRAM = """\
import os, pathlib, sys, time
log, go = map(pathlib.Path, sys.argv[1:3])
with log.open("a") as file:
    file.write(f"{os.getpid()}\\n")
held = bytearray(int(sys.argv[3]))
held[::4096] = b"x" * len(held[::4096])
end = time.monotonic() + 60
while not go.exists() and time.monotonic() < end:
    time.sleep(0.05)
"""


class HungryTool(WaitingTool):
    """A program for the client's Bash tool that leaves its side effect, then takes memory and keeps it."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        super().__init__(folder)
        self._program = folder / "hungry_tool.py"
        self._program.write_text(HUNGRY_PROGRAM)
        self._size_bytes = size_bytes

    @property
    def command(self) -> str:
        """The command line that starts it."""
        words = [sys.executable, "-I", "-S", self._program, self._log, self._go, self._size_bytes]
        return shlex.join(map(str, words))


class OnlyOnce:
    """A model that makes its call once; whatever it is asked afterwards, as by a resumed client, it goes on without."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.asked = 0

    def __call__(self, _: Request) -> Step:
        self.asked += 1
        return [bash(self.command)] if self.asked == 1 else [text("carried on by itself")]


class Guarded:
    """Commands as the person types them in the project's folder, and what memguard left on disk."""

    def __init__(self, client: Client, runtime: Path) -> None:
        self.client = client
        self.project = client.project
        self.home = client.home
        runtime.mkdir(mode=0o700)
        self.runtime = runtime / "memguard"
        self.state = self.home.path / ".local" / "state" / "memguard"
        self.environment = client.environment | {
            "XDG_RUNTIME_DIR": str(runtime),
            "PATH": f"{client_path().parent}:{client.environment['PATH']}",
        }
        self.config("")

    def config(self, text: str, grace_s: int = 10) -> None:
        """The person's own configuration. In tests nobody types between turns, so a boundary needs no half minute."""
        path = self.home.path / ".config" / "memguard" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        policy = f"[restart_policy]\ntyping_quiet = 1\ngraceful_timeout = {grace_s}\n"
        # Compiling the library's rules takes 5 s, which each test would wait for.
        path.write_text(f'snapshots.redaction_rules = "own"\n{policy}{text}')

    def use_all_rules(self) -> None:
        """Those of the library too, compiled as a person's `memguard init` does it."""
        path = self.home.path / ".config" / "memguard" / "config.toml"
        path.write_text(path.read_text().replace('"own"', '"all"', 1))
        self.memguard("init")
        wait_until(lambda: list(self.state.glob("rules/kingfisher-*")), "the library's rules to be compiled", 60)

    def limits(self, critical_mb: int, emergency_mb: int = 4000, warning_mb: int = 0) -> None:
        """Where the session is over its limit.

        With a `warning_mb` below what a client holds by itself (130 MB and more), no tool's end would be enough, so
        that the client is the culprit also where a tool has grown.
        """
        warning_mb = warning_mb or critical_mb - 5
        self.config(f"[thresholds]\nwarning = {warning_mb}\ncritical = {critical_mb}\nemergency = {emergency_mb}\n")

    def memguard(self, *words: str) -> str:
        """A command that must succeed; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "memguard.cli", *words],
            cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def argv(self, *words: str) -> list[str]:
        """`memguard run -- words`, with Bash allowed."""
        allowed = ["--permission-mode", "default", "--allowedTools", "Bash"] if "-p" not in words else []
        return [sys.executable, "-m", "memguard.cli", "run", "--", *words, *allowed]

    def open(self, *words: str) -> Terminal:
        """A guarded interactive session."""
        return Terminal(self.argv(*words), self.environment, self.project)

    def ready(self, terminal: Terminal, timeout_s: float = 40) -> int:
        """Wait until the guarded client takes input; its pid."""

        def idle() -> int:
            pid = self.client_pid()
            return pid if self.says(pid) == "idle" and PROMPT_MARK in terminal.screen() else 0

        return wait_until(idle, "prompt box", timeout_s, terminal.screen)

    def says(self, pid: int) -> str:
        """What a client says of itself: idle, busy, waiting; empty while it says nothing, or is gone."""
        return next((str(entry.get("status", "")) for entry in self.home.sessions() if entry["pid"] == pid), "")

    def guard(self) -> Path | None:
        """The one guard's live folder."""
        return next(iter(sorted((self.runtime / "guards").glob("*"))), None)

    def client_pid(self) -> int:
        """The pid of the client that the guard has now; 0 before there is one."""
        guard = self.guard()
        try:
            lines = (guard / "client").read_text().splitlines() if guard else []
        except OSError:
            lines = []
        return int(dict(line.split("=", 1) for line in lines).get("id", "0").split(":")[0])

    def next_client(self, first: int, timeout_s: float = 60) -> int:
        """Wait for the client that follows `first`, and has become one; its pid.

        It begins as a small program of memguard's that waits to be placed.
        """

        def other() -> int:
            pid = self.client_pid()
            return pid if pid not in (0, first) and is_alive(pid) and LAUNCHER not in command_line(pid) else 0

        return wait_until(other, "restarted client", timeout_s, lambda: json.dumps(self.events(), indent=1))

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What memguard recorded that it did."""
        path = self.state / project_key(str(self.project)) / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for event in map(json.loads, lines) if not name or event["event"] == name]

    def modes(self) -> list[str]:
        """The permission modes that hooks reported, oldest first."""
        paths = sorted((self.state / project_key(str(self.project)) / "spool").glob("*.jsonl"))
        lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
        return [line["mode"] for line in lines if line["mode"]]

    def mode(self) -> str:
        """The degradation mode that denies tools; empty while none does."""
        try:
            lines = (self.guard() or self.runtime).joinpath("degradation").read_text()
        except OSError:
            return ""
        return dict(line.split("=", 1) for line in lines.splitlines())["mode"]

    def status(self) -> dict[str, Any]:
        """The one guard in `memguard status --json`."""
        (found,) = json.loads(self.memguard("status", "--json"))
        return dict(found)


def footprint_mb(pid: int) -> float:
    """What a client's tree holds."""
    return read_tree(pid).footprint_bytes / MB


def settled_mb(pid: int, timeout_s: float = 60) -> float:
    """Wait until a client's footprint has settled, within 2 % over 3 s; what it is then."""
    readings: list[float] = []

    def settled() -> float:
        readings.append(footprint_mb(pid))
        last = readings[-60:]
        return last[-1] if len(last) == 60 and max(last) - min(last) < 0.02 * max(last) else 0.0

    return wait_until(settled, "settled footprint", timeout_s, lambda: f"{readings[-10:]}")
