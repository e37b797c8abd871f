"""Which part of a session, if any, is over a limit and to go instead of the session."""

import os
import time

from memguard.core.layout import PART_TURN
from memguard.core.lock import FileLock
from memguard.core.log import described
from memguard.core.part import CLIENT, Part
from memguard.core.pause import is_paused
from memguard.core.settings import GUARD_MODE
from memguard.core.thresholds import CRITICAL, EMERGENCY
from memguard.core.tool_budgets import DEFAULT
from memguard.guard.culprit import culprit
from memguard.guard.excess import Excess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId
    from memguard.watchdog.guarded_session import GuardedSession

# What was not confirmed is looked at again once it seems to hold so much more, or after so long.
_AGAIN_GROWTH = 1.1
_AGAIN_S = 30.0
# What neither signal ended is left alone for so long: then the session itself is the culprit.
_REMAINING_S = 60.0
# Of several sessions that are hungry while the host is short, one ends a part; the next looks whether it was enough.
_HOST_PAUSE_S = 3.0


class Culprits:
    """The search, and what earlier ones have come to. `find` is asked at every decision."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._again: dict[ProcessId, tuple[int, float]] = {}  # a part's root: when it is looked at again

    def find(self) -> "Excess | None":
        """The part that goes; None where nothing is over a limit, or where the client itself is the culprit."""
        return self._over_budget() or self._over_session_limit() or self._over_host()

    def not_confirmed(self, excess: Excess) -> None:
        """It was frozen, and doesn't hold what it seemed to."""
        again_bytes = int(excess.part.footprint_bytes * _AGAIN_GROWTH)
        self._again[excess.part.root] = (again_bytes, time.monotonic() + _AGAIN_S)

    def not_ended(self, excess: Excess) -> None:
        """It couldn't be ended."""
        self._again[excess.part.root] = (1 << 62, time.monotonic() + _REMAINING_S)

    def _candidates(self) -> "list[Part]":
        """The parts but the client; the present ones alone are remembered."""
        parts, now_s = self._session.parts.now, time.monotonic()
        roots = {part.root for part in parts}
        self._again = {root: again for root, again in self._again.items() if root in roots and again[1] > now_s}
        return [part for part in parts if part.kind != CLIENT and self._may_be_looked_at(part)]

    def _may_be_looked_at(self, part: Part) -> bool:
        return part.footprint_bytes >= self._again.get(part.root, (0, 0.0))[0]

    def _over_budget(self) -> "Excess | None":
        budgets = self._session.settings.tools
        for part in self._candidates() if budgets else ():
            budget = budgets[part.budget_index] if 0 <= part.budget_index < len(budgets) else None
            if budget and part.footprint_bytes >= budget.size_bytes:
                name = "the default budget" if budget.pattern == DEFAULT else f"the budget of {budget.pattern}"
                return Excess(part, budget.size_bytes, name, budget.size_bytes)
        return None

    def _over_session_limit(self) -> "Excess | None":
        """A session at CRITICAL or worse, as PSS has confirmed."""
        subject, limits = self._session.subject, self._session.settings.thresholds
        if subject.state not in (CRITICAL, EMERGENCY) or subject.is_resume_peak():
            return None
        parts = self._session.parts.now
        found = culprit(parts, [subject.share_bytes(part) for part in parts], limits.warning_bytes)
        least_bytes = max(1, subject.confirmed_bytes - limits.critical_bytes)
        candidates, plugins = self._candidates(), self._session.plugins
        if plugins:
            found = plugins.decisions.culprit(found, candidates, least_bytes)
        if found is None or found not in candidates:
            return None
        name = f"the session's {subject.state.lower()} limit"
        return Excess(found, least_bytes, name, limits.limit_of(subject.state))

    def _over_host(self) -> "Excess | None":
        """On a host that is short, the part that has grown to more than the host has left."""
        shortage = self._session.shortage
        if not shortage.is_short:
            return None
        left_bytes = max(1, shortage.left_bytes)
        hungry = [part for part in self._candidates() if part.footprint_bytes >= left_bytes]
        if not hungry or not self._may_act() or not self._takes_turn():
            return None
        part = max(hungry, key=lambda part: (part.rate_bytes_per_s, part.footprint_bytes))
        return Excess(part, left_bytes, "what the host has left", left_bytes)

    def _may_act(self) -> bool:
        """Whether an end would be carried out: who only observes, or is paused, takes nobody's turn."""
        session = self._session
        is_paused_now = is_paused(session.guard_dir, session.project_dir)
        return session.settings.mode == GUARD_MODE and not is_paused_now

    def _takes_turn(self) -> bool:
        """For the host's sake one session ends a part, and then all look again; until then each decides for itself."""
        try:
            return _takes_turn(f"{self._session.settings.runtime_dir}/{PART_TURN}", self._session.guard_id)
        except OSError as error:
            self._session.journal.log(f"no turn among the sessions of this host: {described(error)}")
            return True


def _takes_turn(path: str, guard_id: str) -> bool:
    """Whether no other session has just ended a part for the host's sake; if so, it is this one now."""
    lock = FileLock(path)
    if not lock.acquire(blocking=False):
        return False
    try:
        status = os.stat(path)
        # A clock that was set back makes it a turn of the future: that is over, too.
        is_over = not 0 <= time.time() - status.st_mtime < _HOST_PAUSE_S or not status.st_size
        with open(path, encoding="ascii", errors="replace") as file:
            is_free = is_over or file.read() == guard_id
        if is_free:
            lock.write(guard_id)
            os.utime(path)
        return is_free
    finally:
        lock.release()
