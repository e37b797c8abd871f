"""A stand-in for Claude Code that a test can start: the client of `memguard demo`, in a home of the test's own.

It reads the hooks of its project's settings and runs them with the client's JSON and variables, runs each tool call as
a real process, keeps a transcript, and takes as much memory as it is told to. It needs no account and no network.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memguard.core.spawn import unmarked
from memguard.demo import leaky_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Where the test itself runs inside a session, or has folders of its own.
_NOT_HANDED_ON = ("CLAUDE_CONFIG_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
_END_S = 5.0


class LeakyClient:
    """One machine with one project, in folders below `folder`; `environment` is what clients are started with."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        base = Path(folder)
        self.home, self.project, self.runtime = base / "home", base / "project", base / "runtime"
        for path in (self.home, self.project, self.runtime):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.program = write_program(base / "claude")
        kept = {name: value for name, value in unmarked(dict(os.environ)).items() if name not in _NOT_HANDED_ON}
        self.environment = {**kept, "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.runtime)}
        self._started: list[subprocess.Popen[bytes]] = []

    def hook(self, event: str, words: Sequence[str]) -> None:
        """Have a command run at an event, beside those that are there, as the project's settings say it."""
        path = self.project / ".claude" / "settings.local.json"
        settings: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        command = {"type": "command", "command": words[0], "args": list(words[1:])}
        settings.setdefault("hooks", {}).setdefault(event, []).append({"hooks": [command]})
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(settings))

    def start(
        self, *words: str, steps: int = 1, leak_mb: int = 0, step_s: float = 0.0, tool: str = ""
    ) -> subprocess.Popen[bytes]:
        """Start a session of so many tool calls, each of which runs `tool`, and then leaks so much; its output is kept.

        `words` are more of the client's own, such as `--hold`, or a prompt.
        """
        command = [self.program, "--steps", str(steps), "--leak-mb", str(leak_mb), "--step-s", str(step_s)]
        command += [f"--tool={tool}"] if tool else []
        process = subprocess.Popen(
            [*command, *words],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._started.append(process)
        return process

    def run(self, *words: str, timeout_s: float = 60.0, **options: Any) -> str:
        """A whole session; what it printed. Raises CalledProcessError where it failed, TimeoutExpired where it hung."""
        process = self.start(*words, **options)
        output, _ = process.communicate(timeout=timeout_s)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args, output)
        return output.decode("utf-8", "replace")

    def transcript(self) -> list[Mapping[str, Any]]:
        """The lines of all conversations, by name; a torn last line is left out."""
        return [line for path in sorted(self.home.glob(".claude/projects/*/*.jsonl")) for line in _json_lines(path)]

    def end(self) -> None:
        """End what was started here and still runs."""
        for process in self._started:
            if process.poll() is None:
                process.terminate()
        for process in self._started:
            _reap(process)


def write_program(path: str | os.PathLike[str]) -> str:
    """Write an executable that is the leaky client; its path."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{leaky_client.__file__}" "$@"\n')
    os.chmod(path, 0o700)
    return str(path)


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    if process.stdout:
        process.stdout.close()


def _json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    for line in path.read_text(errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
