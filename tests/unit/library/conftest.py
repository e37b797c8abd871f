"""A machine of the test's own, and a program that holds what it is told to."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memguard import MemoryGuardianConfig, MemoryThresholds, RestartPolicy
from memguard.core.layout import project_key
from memguard.core.spawn import MARKERS
from memguard.testing.waiting import wait_until
from tests.sandbox import Sandbox

PROGRAM = """\
import os, pathlib, sys, time
target, starts = map(pathlib.Path, sys.argv[1:3])
with starts.open("a") as file:
    variables = [os.environ.get(name, "-") for name in ("MEMGUARD_LIBRARY_RESTARTS", "MARK")]
    print(os.getpid(), variables[0], os.getcwd(), variables[1], file=file)
held, size_mb = b"", 0
while (wanted := target.read_text()) != "end":
    if wanted and int(wanted) != size_mb:
        size_mb = int(wanted)
        held = bytearray(size_mb * 1048576)
        held[::4096] = b"x" * len(held[::4096])
    time.sleep(0.01)
"""


class SteeredProgram:
    """Holds so many megabytes as `hold` says, until `end`; `starts` are its runs: pid, restart, folder, variable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._target, self._starts = folder / "target", folder / "starts"
        (folder / "steered.py").write_text(PROGRAM)
        self.hold(0)

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-I", "-S", str(self._folder / "steered.py"), str(self._target), str(self._starts)]

    def hold(self, size_mb: int) -> None:
        self._write(str(size_mb))

    def end(self) -> None:
        self._write("end")

    def _write(self, text: str) -> None:
        (self._folder / "new").write_text(text)
        (self._folder / "new").rename(self._target)

    @contextmanager
    def run(self) -> Iterator[subprocess.Popen[bytes]]:
        """A run of it that the test itself starts, over with the block."""
        process = subprocess.Popen(self.command)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def starts(self) -> list[list[str]]:
        return [line.split() for line in self._starts.read_text().splitlines()] if self._starts.exists() else []


@pytest.fixture
def machine(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """This very process in the sandbox: home, runtime folder, project as the working directory."""
    for name in (*MARKERS, "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, sandbox.environment[name])
    monkeypatch.chdir(sandbox.project)
    # The library's rules take 0.4 s to load, and 5 s where they were never compiled.
    folder = sandbox.state / project_key(str(sandbox.project))
    folder.mkdir(parents=True, mode=0o700)
    (folder / "compiled").write_text("redaction_rules=own\n")
    return sandbox


@pytest.fixture
def program(machine: Sandbox) -> Iterator[SteeredProgram]:
    """The program, ended after the test."""
    steered = SteeredProgram(machine.folder)
    yield steered
    steered.end()


@pytest.fixture
def config(program: SteeredProgram) -> MemoryGuardianConfig:
    """It guarded: warning from 64 MB on, critical from 80, emergency from 96."""
    return MemoryGuardianConfig(
        thresholds=MemoryThresholds(critical=80),
        restart_policy=RestartPolicy(graceful_timeout=5),
        process_command=program.command,
    )


async def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for it without stopping the event loop."""
    await asyncio.to_thread(wait_until, condition, what)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def environ_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()
