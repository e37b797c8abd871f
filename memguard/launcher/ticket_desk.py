"""Where the launcher looks at tickets: is this one for the very process that ended, and may it be honoured?"""

import os
import signal
import time

from memguard.core.identity import ProcessId
from memguard.core.layout import PROTECTION_RESET, SESSIONS, TICKET, read_pairs
from memguard.core.settings import RestartLimits
from memguard.core.ticket import FRESH, RESUME, Ticket, read_ticket
from memguard.core.uptime import uptime_s
from memguard.launcher import flags

# A client that finds no conversation ends within 2 s; one that can't read a long one, when it has come to its end.
_REFUSES_S = 60.0
_CAPTURE_S = 60.0  # the longest that a snapshot before a restart may take
_SIGTERM_EXIT = 128 + signal.SIGTERM


class TicketDesk:
    """The launcher's own judgement of tickets, and its own count of relaunches, whatever tickets say."""

    def __init__(self, guard_dir: str, words: list[str], limits: RestartLimits) -> None:
        self._guard_dir = guard_dir
        self._obstacle = flags.obstacle(words)
        self._limits = limits
        self._relaunches: list[float] = []
        # Whoever reads the `stream-json` of a client that refused has been given its result.
        self._is_told = flags.value_of(flags.parse(words), "--output-format") == "stream-json"
        self._resumed: Ticket | None = None  # that the present client was started for
        self._sessions: dict[str, int] = {}  # as they were noted when it was
        self._started_s = 0.0

    def client_started(self, ticket: Ticket | None) -> None:
        """Remember what a client was started for."""
        self._resumed = ticket if ticket and ticket.strategy == RESUME else None
        self._sessions, self._started_s = self._noted(), time.monotonic()

    def ticket_instead(self, status: int) -> Ticket | None:
        """The same ticket for a new session, where this client refused to resume the old one; else None."""
        ticket = self._resumed
        if ticket is None or self._is_told or not self._has_refused(status) or not self._may_relaunch():
            return None
        ticket.strategy = FRESH
        return ticket

    def _has_refused(self, status: int) -> bool:
        """Whether it ended soon, with an error, before any hook of it; False where no hook says anything (`--bare`)."""
        is_failure = os.WIFEXITED(status) and 0 < os.WEXITSTATUS(status) < 128
        is_soon = time.monotonic() - self._started_s < _REFUSES_S
        return is_failure and is_soon and bool(self._sessions) and self._sessions == self._noted()

    def _noted(self) -> "dict[str, int]":
        """The sessions of this guard, and when each was last noted by a hook."""
        try:
            with os.scandir(f"{self._guard_dir}/{SESSIONS}") as entries:
                return {entry.name: entry.stat().st_mtime_ns for entry in entries}
        except OSError:
            return {}

    def ticket_for(self, client: ProcessId, status: int) -> Ticket | None:
        """The ticket for exactly this end of exactly this client; None when there is none to be honoured."""
        ticket = read_ticket(f"{self._guard_dir}/{TICKET}")
        if ticket is None or ticket.client != client or not is_ended_by_us(status):
            return None
        return ticket if self._may_relaunch() and self._is_known(ticket) else None

    def has_ticket_for(self, client: ProcessId) -> bool:
        """Whether the watchdog is ending, or has ended, this client; it may not be honoured for all that."""
        ticket = read_ticket(f"{self._guard_dir}/{TICKET}")
        return ticket is not None and ticket.client == client

    def count_relaunch(self) -> None:
        """Remember that a ticket was honoured."""
        self._relaunches.append(uptime_s())

    def _may_relaunch(self) -> bool:
        """The watchdog's limit, a little more lenient: a client that is ended must not stay without its next.

        A restart counts there from before its snapshot, and here from its end; so the window is shorter by what one may
        take. What the person has had forgotten doesn't count, if that was before now.
        """
        now_s, limits = uptime_s(), self._limits
        longest_s = _CAPTURE_S + limits.graceful_timeout_s + limits.force_kill_timeout_s
        window_s = limits.attempt_window_s - min(longest_s, limits.attempt_window_s / 2)
        reset_s = self._reset_s(now_s)
        recent = [t for t in self._relaunches if now_s - t < window_s and t > reset_s]
        return len(recent) < self._limits.max_attempts and not self._obstacle

    def _reset_s(self, now_s: float) -> float:
        """When the person had this guard's restarts forgotten; 0 for never, and for a time to come."""
        text = read_pairs(f"{self._guard_dir}/{PROTECTION_RESET}").get("uptime_s", "")
        try:
            reset_s = float(text)
        except ValueError:
            return 0.0
        return reset_s if 0 < reset_s <= now_s else 0.0

    def _is_known(self, ticket: Ticket) -> bool:
        """Only a session that a hook of this guard named is resumed; without hooks (`--bare`) there is no list."""
        known = self._noted()
        return ticket.strategy != RESUME or not known or ticket.session_id in known


def is_ended_by_us(status: int) -> bool:
    """Whether a wait status is what the watchdog's SIGTERM or SIGKILL leaves."""
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) in (signal.SIGTERM, signal.SIGKILL)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == _SIGTERM_EXIT
