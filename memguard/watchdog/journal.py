"""What the watchdog leaves for others to read: its status, and the events of the project."""

import os
import time

from memguard.core import light_json as json
from memguard.core.layout import EVENTS, STATUS, write_atomic
from memguard.core.log import CRITICAL, DEBUG, ERROR, INFO, WARNING, append_log, is_logged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.watchdog.subject import Subject


# What an event is in the log, where it is not INFO.
_LEVELS = {
    "memory_warning": WARNING,
    "memory_threshold_exceeded": WARNING,
    "memory_unreadable": WARNING,
    "memory_partly_unreadable": WARNING,
    "degradation_changed": WARNING,
    "health_warning": WARNING,
    "plugin_disabled": WARNING,
    "limit_not_set": WARNING,
    "restart_failed": ERROR,
    "launcher_lost": ERROR,
}


class Journal:
    """Status of one guard in its live folder; events and log in the durable one. Ids, sizes, times and names only."""

    def __init__(self, guard_dir: str, state_dir: str, key: str) -> None:
        self.guard_dir = guard_dir
        self.state_dir = state_dir
        self._events = f"{state_dir}/{key}/{EVENTS}"
        self._status: dict[str, object] = {}
        self.listener: Callable[[dict[str, object]], None] | None = None  # is told of each event, too

    def status(self, **fields: object) -> None:
        """Merge `fields` into the status file; written only when something changed."""
        merged = {**self._status, **fields}
        if merged == self._status:
            return
        self._status = merged
        try:
            data = json.dumps({**merged, "t_utc": round(time.time(), 3)}).encode()
            write_atomic(f"{self.guard_dir}/{STATUS}", data, lasts=False)
        except OSError as error:
            self.log(f"status not written: {error}")

    def event(self, name: str, **fields: object) -> None:
        """Append one of the events: monitoring_*, memory_*, state_*, restart_*."""
        line = {"t_utc": round(time.time(), 3), "event": name, "guard": os.path.basename(self.guard_dir), **fields}
        try:
            descriptor = os.open(self._events, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                os.write(descriptor, json.dumps(line).encode() + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            self.log(f"event {name} not written: {error}")
        self.log(" ".join([name, *(f"{key}={_shown(value)}" for key, value in fields.items())]), level_of(name, fields))
        if self.listener:
            self.listener(line)

    def log(self, text: str, level: str = WARNING) -> None:
        """One line in memguard's log."""
        if is_logged(level):
            append_log(self.state_dir, f"watchdog {os.path.basename(self.guard_dir)}: {text}", level)

    def reading(self, subject: "Subject", pause_s: float) -> None:
        """The detail of one look, at DEBUG: while something grows, that is a line every 10 ms."""
        if is_logged(DEBUG):
            held = f"{subject.held_bytes()} bytes in {len(subject.reading.processes)} processes"
            self.log(f"reading: {subject.state}, {held}; next in {pause_s:.3f} s", DEBUG)


def level_of(event: str, fields: "dict[str, object]") -> str:
    """The level of an event in the log: where the emergency limit is reached, the machine itself is in danger."""
    is_emergency = fields.get("state") == "EMERGENCY" or fields.get("mode") == "EMERGENCY"
    return CRITICAL if is_emergency else _LEVELS.get(event, INFO)


def _shown(value: object) -> str:
    text = str(value)
    return f'"{text}"' if " " in text else text
