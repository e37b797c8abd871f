"""Waiting, and what /proc says of a process. Linux only, as everything that drives the real client here."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

POLL_S: Final = 0.02

T = TypeVar("T")


class TimedOutError(AssertionError):
    """A condition did not come true in time; the message says which, and what was seen instead."""


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = 20, seen: Callable[[], str] = str) -> T:
    """Poll until the condition gives something true, and return it."""
    deadline = time.monotonic() + timeout_s
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            message = f"no {what} within {timeout_s} s\n{seen()}"
            raise TimedOutError(message)
        time.sleep(POLL_S)


def is_alive(pid: int) -> bool:
    """Whether the process still runs; a zombie does not."""
    return process_state(pid) not in ("", "Z")


def process_state(pid: int) -> str:
    """The letter of /proc/PID/stat; empty when there is no such process."""
    return stat_fields(pid)[0]


def stat_fields(pid: int) -> list[str]:
    """/proc/PID/stat from the state on: state, ppid, pgrp, session, tty_nr, tpgid, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return [""]


def footprint_bytes(pid: int) -> int:
    """Anonymous + shared + swapped memory of one process."""
    wanted = ("RssAnon:", "RssShmem:", "VmSwap:")
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(wanted))


def processes_with(variable: str) -> list[int]:
    """Every process whose environment holds this NAME=value, orphans included."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and variable.encode() in _environment(name)]


def _environment(pid: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def end_processes_with(variable: str) -> None:
    """End, one by one and by pid, whatever a test has left; the variable is one that only this test has set."""
    for pid in processes_with(variable):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, processes_with(variable))), "end of the test's own processes")
