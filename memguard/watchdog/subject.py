"""The client that a watchdog looks after at present: who it is, what it holds, how that moves."""

import os
import time

from memguard.core.identity import ProcessId
from memguard.core.reading import TreeReading
from memguard.core.thresholds import NORMAL, STATES, Thresholds
from memguard.guard.trend import Trend
from memguard.host import confirm, current, identity
from memguard.host.descendants import Lineage

# A client that never settles is judged as it is after this long: a resumed one reads its conversation first (60 MB
# settle within 10 s), a new one has nothing to read.
_RESUMING_AT_MOST_S = 60.0
_STARTING_AT_MOST_S = 5.0
# While it reads a conversation, a client holds up to 14 times the transcript's size
# (https://github.com/anthropics/claude-code/issues/79196), on top of what it holds idle.
_RESUME_FACTOR = 14
_IDLE_BYTES = 256 * 1024 * 1024
# PSS costs 11 ms per GB: over a limit it is read when the sum crosses another one, else at the most this often.
_CONFIRM_EVERY_S = 1.0


class Subject:
    """One client's readings. `state` is confirmed by PSS; `over_since_s` is when it became CRITICAL or worse."""

    def __init__(self, client: ProcessId) -> None:
        self.client = client
        self.lineage = Lineage()
        self.trend = Trend()
        self.reading = TreeReading([])
        self.state = NORMAL
        self.confirmed_bytes = 0
        self.started_s = time.monotonic()
        self.is_starting = True
        self.resumed_bytes = 0  # size of the transcript that it began with; 0 for a new session
        self.over_since_s = 0.0
        self._confirmed_at_s = 0.0
        self._raw_state = NORMAL  # by the sum, at the last confirmation

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return identity.is_alive(self.client)

    def look(self, thresholds: Thresholds) -> None:
        """Take a reading of the whole tree, and confirm it where it is over a limit."""
        now_s = time.monotonic()
        self.reading = current.read_tree(self.client.pid)
        self.lineage.observe(self.reading)
        self.trend.add(now_s, self.reading.footprint_bytes)
        self._judge(thresholds, now_s)
        if self.is_starting:
            longest_s = _RESUMING_AT_MOST_S if self.resumed_bytes else _STARTING_AT_MOST_S
            self.is_starting = not self.trend.is_settled() and now_s - self.started_s < longest_s

    def _judge(self, thresholds: Thresholds, now_s: float) -> None:
        raw = thresholds.state_of(self.reading.footprint_bytes)
        if raw == NORMAL:
            self.state, self.confirmed_bytes = NORMAL, self.reading.footprint_bytes
        elif now_s - self._confirmed_at_s >= _CONFIRM_EVERY_S or raw != self._raw_state:
            self.confirmed_bytes = min(confirm.confirmed_bytes(self.reading), self.reading.footprint_bytes)
            self.state = thresholds.state_of(self.confirmed_bytes)
            self._confirmed_at_s = now_s
        self._raw_state = raw
        is_over = STATES.index(self.state) >= STATES.index("CRITICAL")
        self.over_since_s = (self.over_since_s or now_s) if is_over else 0.0

    def is_resume_peak(self) -> bool:
        """Whether what it holds is explained by the conversation that it is reading."""
        return bool(self.resumed_bytes) and self.confirmed_bytes < _IDLE_BYTES + _RESUME_FACTOR * self.resumed_bytes

    def over_s(self) -> float:
        """Seconds that it has been CRITICAL or worse."""
        return time.monotonic() - self.over_since_s if self.over_since_s else 0.0

    def is_stopped(self) -> bool:
        """Whether the client is stopped, as by Ctrl-Z."""
        return process_state(self.client.pid) in ("T", "t")


def process_state(pid: int, proc: str = "/proc") -> str:
    """The one-letter state of a process; empty where it is gone or the host doesn't tell."""
    try:
        with open(f"{proc}/{pid}/stat", "rb") as file:
            return file.read(512).rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""


def config_dir_of(pid: int, proc: str = "/proc") -> str:
    """The client's configuration folder, from the client's own environment rather than from ours."""
    try:
        with open(f"{proc}/{pid}/environ", "rb") as file:
            pairs = dict(item.split(b"=", 1) for item in file.read(1048576).split(b"\0") if b"=" in item)
    except OSError:
        pairs = {}
    configured = os.fsdecode(pairs.get(b"CLAUDE_CONFIG_DIR", b"")) or os.environ.get("CLAUDE_CONFIG_DIR", "")
    home = os.fsdecode(pairs.get(b"HOME", b"")) or os.environ.get("HOME", "")
    return configured or f"{home}/.claude"
