"""What the watchdog leaves for others to read: its status, and the events of the project."""

import os
import time

from memguard.core import light_json as json
from memguard.core.layout import EVENTS, STATUS, write_atomic
from memguard.core.log import append_log


class Journal:
    """Status of one guard in its live folder; events and log in the durable one. Ids, sizes, times and names only."""

    def __init__(self, guard_dir: str, state_dir: str, key: str) -> None:
        self.guard_dir = guard_dir
        self.state_dir = state_dir
        self._events = f"{state_dir}/{key}/{EVENTS}"
        self._status: dict[str, object] = {}

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

    def log(self, text: str) -> None:
        """One line in memguard's log."""
        append_log(self.state_dir, f"watchdog {os.path.basename(self.guard_dir)}: {text}")
