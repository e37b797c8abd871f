"""A person's machine in a temporary folder: home, runtime folder, an opted-in project, and the leaky client."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memguard.core.layout import project_key
from memguard.testing.leaky_client import write_program
from memguard.testing.waiting import wait_until

_EVENT = re.compile(r"Z (INFO|WARNING|ERROR|CRITICAL) watchdog [0-9a-f]+: [a-z]+(_[a-z]+)+( [a-z_]+=|$)")

__all__ = ["ROOT", "Sandbox", "wait_until"]
ROOT = Path(__file__).parent.parent


class Sandbox:
    """Commands as a person types them, hooks as the client runs them, files as they end up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.project = folder / "project"
        self.runtime = folder / "runtime"
        for path in (self.home, self.project, self.runtime):
            path.mkdir(mode=0o700)
        self.state = self.home / ".local" / "state" / "memguard"
        self.environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "XDG_RUNTIME_DIR": str(self.runtime),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        self.config("")

    @property
    def state_folder(self) -> Path:
        """The project's durable folder."""
        return self.state / project_key(str(self.project))

    def command(self, *words: str) -> list[str]:
        """The command line of a memguard command."""
        return [sys.executable, "-m", "memguard.cli", *words]

    def memguard(self, *words: str, code: int = 0, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; its exit code must be `code`."""
        done = subprocess.run(
            self.command(*words), cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=60,
            check=False, **more,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def leaky_client(self) -> str:
        """A program called `claude` that is the leaky client."""
        return write_program(self.folder / "claude")

    def start(self, *words: str, own: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """Start `memguard run` with the leaky client; `own` are memguard's options, `words` the client's."""
        command = self.command("run", "--client", self.leaky_client(), *own, "--", *words)
        return subprocess.Popen(
            command, cwd=self.project, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def config(self, text: str) -> None:
        """Write the person's own configuration.

        Secrets are left to memguard's own rules: compiling a library's takes 5 s, which each test would wait for.
        """
        path = self.home / ".config" / "memguard" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'snapshots.redaction_rules = "own"\n{text}')

    def use_all_rules(self) -> None:
        """Those of the library too, compiled as a person's `memguard init` does it."""
        path = self.home / ".config" / "memguard" / "config.toml"
        path.write_text(path.read_text().replace('"own"', '"all"', 1))
        self.memguard("init")
        wait_until(lambda: list(self.state.glob("rules/kingfisher-*")), "the library's rules to be compiled", 60)

    def guards(self) -> list[Path]:
        """The live guards' folders."""
        return sorted((self.runtime / "memguard" / "guards").glob("*"))

    def client_pid(self) -> int:
        """The pid of the client that the one guard has now; 0 before there is one."""
        for guard in self.guards():
            pairs = dict(line.split("=", 1) for line in _text(guard / "client").splitlines())
            return int(pairs.get("id", "0").split(":")[0])
        return 0

    def watchdog_pid(self) -> int:
        """The pid of the watchdog that holds the one guard; 0 before there is one."""
        for guard in self.guards():
            return int(_text(guard / "watchdog").split(":")[0] or 0)
        return 0

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What memguard recorded that it did."""
        found = list(_json_lines(self.state_folder / "events.jsonl"))
        return [event for event in found if not name or event["event"] == name]

    def spool(self) -> list[dict[str, Any]]:
        """All readings that hooks left."""
        return [line for path in sorted(self.state_folder.glob("spool/*")) for line in _json_lines(path)]

    def log(self) -> list[str]:
        """The lines of memguard's own log about what went wrong: what it did and met is in `events`."""
        lines = _text(self.state / "memguard.log").splitlines()
        return [line for line in lines if not _EVENT.search(line)]

    def hook(self, script: str, stdin: bytes, **variables: str) -> subprocess.CompletedProcess[bytes]:
        """Run one hook script as the client does: isolated, with the state folder as its one argument."""
        command = [sys.executable, "-I", "-S", str(ROOT / "claude_hooks" / f"{script}.py"), str(self.state)]
        environment = self.environment | {"CLAUDE_PROJECT_DIR": str(self.project)} | variables
        return subprocess.run(
            command, input=stdin, env=environment, cwd=self.project, capture_output=True, timeout=30, check=False
        )

    def pids(self) -> list[int]:
        """All living processes that were started under this home."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return f"HOME={self.home}".encode() in environment and state != "Z"

    def clean_up(self) -> None:
        """End what a test left running."""
        for _ in range(50):
            pids = self.pids()
            if not pids:
                return
            for pid in pids:
                _kill(pid)
            time.sleep(0.02)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in _text(path).splitlines():
        yield json.loads(line)
