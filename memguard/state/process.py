"""The client as a process: who it is, how it was started, and what runs under it. Secrets are replaced.

Everything is the client's own; nothing of memguard's environment gets in. With `privacy = "exact"` secrets stay.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, TypedDict

from memguard.core.log import printable
from memguard.host import current, identity
from memguard.state.redact import redact_arguments, redact_environment, redact_text

if TYPE_CHECKING:
    from memguard.core.identity import ProcessId

_LONGEST_READ = 1048576
_MOST_PROCESSES = 60
_COMMAND_CHARS = 300
_MOST_WORDS = 400  # of a command line; a prompt on it may be of any length
_WORD_CHARS = 4000


class RunningProcess(TypedDict):
    """One process of the tree."""

    pid: int
    name: str
    command: str
    footprint_bytes: int


class ProcessSnapshot(TypedDict):
    """The client. `started_utc` is in seconds since 1970, 0 where it isn't known; `tree` is largest first."""

    id: str
    pid: int
    started_utc: float
    command: list[str]
    environment: dict[str, str]
    tree: list[RunningProcess]
    footprint_bytes: int


def empty_process() -> ProcessSnapshot:
    """Of a client that is gone, or was never named."""
    return {
        "id": "", "pid": 0, "started_utc": 0.0, "command": [], "environment": {}, "tree": [], "footprint_bytes": 0,
    }  # fmt: skip


def client_environment(client: ProcessId | None) -> dict[str, str]:
    """The environment that the client was started with, unredacted; empty where it can't be read."""
    if client is None or not identity.is_alive(client):
        return {}
    if not os.path.exists("/proc/self/environ"):
        return _portable_environment(client.pid)
    found = (entry.partition("=") for entry in _words(f"/proc/{client.pid}/environ"))
    return {name: value for name, equals, value in found if equals}


def snapshot_process(client: ProcessId | None, environment: dict[str, str], is_exact: bool = False) -> ProcessSnapshot:
    """What is known of a living client; the empty record where it isn't alive."""
    if client is None or not identity.is_alive(client):
        return empty_process()
    tree = current.read_tree(client.pid)
    largest = sorted(tree.processes, key=lambda process: -process.footprint_bytes)[:_MOST_PROCESSES]
    return {
        "id": client.to_text(),
        "pid": client.pid,
        "started_utc": _started_utc(client),
        "command": [word[:_WORD_CHARS] for word in _shown_command(client.pid, is_exact)],
        "environment": environment if is_exact else redact_environment(environment),
        "tree": [_running(process.pid, process.footprint_bytes, is_exact) for process in largest],
        "footprint_bytes": tree.footprint_bytes,
    }


def _running(pid: int, footprint_bytes: int, is_exact: bool) -> RunningProcess:
    command = " ".join(_shown_command(pid, is_exact))
    name = redact_text(current.command_name(pid).strip())
    return {
        "pid": pid,
        "name": printable(name, 64),
        "command": printable(command, _COMMAND_CHARS),
        "footprint_bytes": footprint_bytes,
    }


def _shown_command(pid: int, is_exact: bool) -> list[str]:
    words = _command(pid)[:_MOST_WORDS]
    return words if is_exact else redact_arguments(words)


def _command(pid: int) -> list[str]:
    if os.path.exists("/proc/self/cmdline"):
        return _words(f"/proc/{pid}/cmdline")
    return _portable_command(pid)


def _words(path: str) -> list[str]:
    """The NUL-separated words of a file of /proc."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LONGEST_READ)
    except OSError:
        return []
    return [word.decode("utf-8", "replace") for word in data.rstrip(b"\0").split(b"\0")] if data else []


def _started_utc(client: ProcessId) -> float:
    """Start ticks count from boot in hundredths on Linux; elsewhere psutil knows."""
    try:
        with open("/proc/uptime", encoding="ascii") as file:
            booted_utc = time.time() - float(file.read().split()[0])
    except OSError:
        return _portable_started(client.pid)
    return round(booted_utc + client.start_ticks / os.sysconf("SC_CLK_TCK"), 2)


def _portable_environment(pid: int) -> dict[str, str]:
    import psutil

    try:
        return psutil.Process(pid).environ()
    except psutil.Error:
        return {}


def _portable_command(pid: int) -> list[str]:
    import psutil

    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def _portable_started(pid: int) -> float:
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0
