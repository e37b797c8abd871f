"""Looking into a guarded session from outside: who runs in it, what it has left, and a limit lowered under it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .processes import is_alive, processes_with, wait_until

if TYPE_CHECKING:
    from .guarded import Guarded

MB = 1024 * 1024


def command_line(pid: int) -> str:
    """A process's words, for messages; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def arguments_of(pid: int) -> list[str]:
    """A process's words, one by one."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]


def _pids(guarded: Guarded) -> list[int]:
    return processes_with(f"HOME={guarded.home.path}")


def leftovers(guarded: Guarded) -> list[str]:
    """Processes that still run under the test's home, and live files that still stand in the runtime folder."""
    processes = [f"{pid} {command_line(pid)}" for pid in _pids(guarded) if is_alive(pid)]
    files = [str(path) for name in ("guards", "clients") for path in (guarded.runtime / name).glob("*")]
    return processes + files


def wait_for_nothing_left(guarded: Guarded, timeout_s: float = 20) -> None:
    """Wait until neither a process nor a live file of the session is there."""
    what = "end of all that the session started"
    wait_until(lambda: not leftovers(guarded), what, timeout_s, lambda: "\n".join(leftovers(guarded)))


def watchdogs(guarded: Guarded) -> list[int]:
    """The pids of all watchdogs that run under the test's home."""
    return [pid for pid in _pids(guarded) if "memguard/watchdog/__main__.py" in command_line(pid)]


def the_watchdog(guarded: Guarded, other_than: int = 0) -> int:
    """Wait for exactly one watchdog that isn't `other_than`; its pid."""

    def one() -> int:
        found = watchdogs(guarded)
        return found[0] if len(found) == 1 and found[0] != other_than else 0

    return wait_until(one, "the one watchdog", 20, lambda: str(watchdogs(guarded)))


def lower_the_limits(guarded: Guarded) -> None:
    """Make any client an emergency, under the running watchdog: it reads its guard's settings anew when they change."""
    guard = guarded.guard()
    assert guard
    low = {"warning_bytes": 40 * MB, "critical_bytes": 50 * MB, "emergency_bytes": 60 * MB}
    kept = [line for line in (guard / "compiled").read_text().splitlines() if line.partition("=")[0] not in low]
    (guard / "compiled.new").write_text("\n".join([*kept, *(f"{k}={v}" for k, v in low.items())]) + "\n")
    (guard / "compiled.new").replace(guard / "compiled")
