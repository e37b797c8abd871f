"""The client that a watchdog looks after at present: who it is, what it holds, how that moves."""

import os
import time

from memguard.core.identity import ProcessId
from memguard.core.part import Part
from memguard.core.reading import TreeReading
from memguard.core.thresholds import NORMAL, STATES, Thresholds
from memguard.guard.resume_footprint import most_explained_bytes
from memguard.guard.trend import Trend
from memguard.host import confirm, current, identity
from memguard.host.descendants import Lineage
from memguard.host.run_state import is_stopped
from memguard.watchdog.blindness import Blindness
from memguard.watchdog.session_tree import read_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from memguard.watchdog.beyond import Beyond

# A client that never settles is judged as it is after this long: a resumed one reads its conversation first (60 MB
# settle within 10 s), a new one has nothing to read.
_RESUMING_AT_MOST_S = 60.0
_STARTING_AT_MOST_S = 5.0
# PSS costs 11 ms per GB: over a limit it is read when the sum crosses another one, else at the most this often.
_CONFIRM_EVERY_S = 1.0


class Subject:
    """One client's readings. `state` is confirmed by PSS; `over_since_s` is when it became CRITICAL or worse."""

    def __init__(self, client: ProcessId) -> None:
        self.client = client
        self.blindness = Blindness()
        self.lineage = Lineage()
        self.trend = Trend()
        self.reading = TreeReading([])
        self.state = NORMAL
        self.confirmed_bytes = 0
        self._shares: dict[int, int] = {}  # what PSS confirmed of each process, by pid
        self._sum_then_bytes = 0  # the sum, at the last confirmation
        self.started_s = time.monotonic()
        self.is_starting = True
        self.resumed_bytes = 0  # size of the transcript that it began with; 0 for a new session
        self.over_since_s = 0.0
        self._confirmed_at_s = 0.0
        self._raw_state = NORMAL  # by the sum, at the last confirmation

    def is_alive(self) -> bool:
        """Whether this very process still runs; one that the host hides is taken to."""
        return identity.is_alive(self.client) or current.read_tree(self.client.pid).is_blind

    def look(self, thresholds: Thresholds, beyond: "Beyond | None" = None, others: "Collection[int]" = ()) -> None:
        """Take a reading of the whole tree, and confirm it where it is over a limit.

        `beyond` knows who belongs to the session and has left the client's tree; `others` are the pids of guarded
        clients, which with all below them are their own guards' business.
        """
        now_s = time.monotonic()
        self.reading = read_session(self.client.pid, beyond, others, self.lineage.client_terminal)
        self.blindness.look(self.reading)
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
            self._sum_then_bytes = self.confirmed_bytes
        elif now_s - self._confirmed_at_s >= _CONFIRM_EVERY_S or raw != self._raw_state:
            self._shares = confirm.shares_bytes(self.reading)
            self._sum_then_bytes = self.reading.footprint_bytes
            self.confirmed_bytes = min(sum(self._shares.values()), self._sum_then_bytes)
            self.state = thresholds.state_of(self.confirmed_bytes)
            self._confirmed_at_s = now_s
        self._raw_state = raw
        is_over = STATES.index(self.state) >= STATES.index("CRITICAL")
        self.over_since_s = (self.over_since_s or now_s) if is_over else 0.0

    def share_bytes(self, part: Part) -> int:
        """What a part was confirmed to hold; a process that came later counts by its footprint."""
        return sum(self._shares.get(process.pid, process.footprint_bytes) for process in part.processes)

    def held_bytes(self) -> int:
        """What was confirmed, and all that the sum has grown by since: at least what is really held."""
        return self.confirmed_bytes + max(0, self.reading.footprint_bytes - self._sum_then_bytes)

    def is_resume_peak(self) -> bool:
        """Whether what it holds is explained by the conversation that it is reading."""
        return bool(self.resumed_bytes) and self.confirmed_bytes < most_explained_bytes(self.resumed_bytes)

    def over_s(self) -> float:
        """Seconds that it has been CRITICAL or worse."""
        return time.monotonic() - self.over_since_s if self.over_since_s else 0.0

    def is_stopped(self) -> bool:
        """Whether the client is stopped, as by Ctrl-Z."""
        return is_stopped(self.client.pid)


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
