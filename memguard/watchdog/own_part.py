"""What this guard tells the others of its session, and what it hears from them."""

import os
import time

from memguard.core.layout import COMPILED, PROTECTION
from memguard.core.pause import is_paused
from memguard.core.settings import GUARD_MODE
from memguard.guard.restart_verdict import ALLOWED, Verdict
from memguard.guard.victim import IDLE_CLIENT_BYTES, Candidate
from memguard.watchdog.neighbour_file import Neighbour
from memguard.watchdog.nesting import guarded_clients, is_inside, outside_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.settings import RestartLimits
    from memguard.watchdog.guarded_session import GuardedSession

_NO_FILE = (0, 0, 0)
# A cool-down that is over is noticed this late.
_SPENT_AGAIN_S = 5.0
# While a tool grows, readings are 10 ms apart; the others need not hear of each (asking them costs 0.1 ms).
_FRESH_S = 0.2


class OwnPart:
    """One client's part in the host's budget, from when it was taken up."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        client_pid, runtime_dir = session.subject.client.pid, session.neighbours.runtime_dir
        self._is_nested = is_inside(client_pid, guarded_clients(runtime_dir) - {client_pid})
        self._own: Neighbour | None = None
        self._is_victim = False
        self._asked_s = float("-inf")
        self._least_bytes = 0  # that it has held since it settled
        self._verdict = Verdict(ALLOWED, "")
        self._spent_key: tuple[tuple[int, int, int], RestartLimits] | None = None
        self._spent_at_s = 0.0

    def update(self) -> None:
        """After a reading: tell the others where that is news to them."""
        if self._own is None or time.monotonic() - self._own.at_s >= _FRESH_S:
            self._own = self.neighbour()
            self._session.neighbours.publish(self._own)

    def is_victim(self) -> bool:
        """Whether this session is the one that all agree to restart; a yes is asked for anew each time."""
        now_s, own = time.monotonic(), self._own
        if own and (self._is_victim or now_s - self._asked_s >= _FRESH_S):
            self._asked_s = now_s
            session = self._session
            self._is_victim = session.neighbours.agree(own, session.settings, session.shortage.reading)
        return self._is_victim

    def neighbour(self) -> Neighbour:
        """How things stand, by the last reading of the session, which is without guarded sessions inside it."""
        session = self._session
        candidate = Candidate(session.guard_id, session.subject.held_bytes())
        candidate.resumed_bytes = self._resumed_bytes(candidate.footprint_bytes)
        candidate.is_idle = session.activity.at_boundary()
        candidate.is_restartable = self._is_restartable()
        candidate.is_paused = is_paused(session.guard_dir, session.project_dir)
        candidate.is_spent = not self.verdict().is_allowed
        candidate.is_starting = session.subject.is_starting
        candidate.is_nested = self._is_nested
        neighbour = Neighbour(candidate, session.subject.client, session.generation)
        neighbour.outside_bytes = outside_bytes(session.subject.reading)
        neighbour.at_s = time.monotonic()
        return neighbour

    def _resumed_bytes(self, held_bytes: int) -> int:
        """What a restart would bring it back to: what a resumed client has held at the least since it settled.

        Of one that has not been resumed yet, its conversation's size on top of an idle client is known.
        """
        session = self._session
        if not session.subject.is_starting:
            self._least_bytes = min(self._least_bytes or held_bytes, held_bytes)
        is_resumed = session.generation > 0 or session.activity.resumed_bytes > 0
        if is_resumed and self._least_bytes:
            return self._least_bytes
        return IDLE_CLIENT_BYTES + session.activity.transcript_bytes()

    def _is_restartable(self) -> bool:
        """Whether its watchdog would do it: not in observe mode, for `claude -p`, without opt-in, or while stopped."""
        return may_be_restarted(self._session) and not self._session.subject.is_stopped()

    def verdict(self) -> Verdict:
        """What protection says; asked again when its file, the limits or, after a no, the time has changed."""
        session, now_s = self._session, time.monotonic()
        key = (self.record_stamp(), session.settings.restart)
        is_old = not self._verdict.is_allowed and now_s - self._spent_at_s >= _SPENT_AGAIN_S
        if key != self._spent_key or is_old:
            self._verdict, self._spent_key, self._spent_at_s = self._asked(key[0]), key, now_s
        return self._verdict

    def _asked(self, stamp: "tuple[int, int, int]") -> Verdict:
        """Without a record nobody has been restarted yet."""
        limits = self._session.settings.restart
        if stamp == _NO_FILE and limits.max_attempts > 0 and limits.host_max_attempts > 0:
            return Verdict(ALLOWED, "")
        return self._session.protection().verdict()

    def record_stamp(self) -> "tuple[int, int, int]":
        """What tells this version of protection's record from the next."""
        return _stamp(f"{self._session.state_dir}/{PROTECTION}")


def may_be_restarted(session: "GuardedSession") -> bool:
    """Whether its watchdog would do it at all: not in observe mode, for `claude -p`, or without opt-in."""
    if session.facts.get("restartable") != "1" or session.facts.get("print") == "1":
        return False
    return session.settings.mode == GUARD_MODE and os.path.exists(f"{session.project_dir}/{COMPILED}")


def _stamp(path: str) -> "tuple[int, int, int]":
    """What tells one version of a file from the next; times alone move in steps of 4 ms."""
    try:
        status = os.stat(path)
    except OSError:
        return _NO_FILE
    return status.st_ino, status.st_mtime_ns, status.st_size
