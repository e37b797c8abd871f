"""Graceful degradation: what a session over its limits may still do when restarts can't help. Pure.

NORMAL; WARNING, from the warning limit on, or while protection allows no restart: the watchdog looks more often;
READ_ONLY, over the critical limit when the restarts are spent or failing: tools that write or take memory are denied;
EMERGENCY, the same over the emergency limit: only what reads is carried out. A mode is left when the footprint has
fallen well below the limit that it begins at, or a restart is allowed again.
"""

from memguard.core.degradation import EMERGENCY, MODES, NORMAL, READ_ONLY, WARNING
from memguard.core.thresholds import Thresholds
from memguard.guard.restart_verdict import ALLOWED, COOLING, Verdict

# A footprint wavers by some per cent from reading to reading, and a model that is denied and allowed in turn loses its
# thread. 10 % of the limit is also what a tool call takes to begin.
STAYS_ABOVE = 0.9


class DegradationView:
    """What the mode follows from.

    `held_bytes` is confirmed; `refusal` is protection's verdict. `is_acting` is False where memguard takes no action:
    observe mode, a pause, a session that it would not restart, or one that switched this off. `is_judged` is False
    while the footprint says nothing yet (the client starts, a part of it is about to be ended); `is_blind` while there
    is none.
    """

    __slots__ = ("held_bytes", "is_acting", "is_blind", "is_judged", "limits", "refusal")

    def __init__(self, held_bytes: int, limits: Thresholds, refusal: Verdict) -> None:
        self.held_bytes = held_bytes
        self.limits = limits
        self.refusal = refusal
        self.is_acting = True
        self.is_judged = True
        self.is_blind = False


def decide(view: DegradationView, before: str) -> str:
    """The mode that follows `before`, one of MODES."""
    if view.is_blind:
        return before if _may_deny(view) else min(before, WARNING, key=MODES.index)
    wanted = _wanted(view, before)
    is_higher = MODES.index(wanted) > max(MODES.index(before), MODES.index(WARNING))
    return before if is_higher and not view.is_judged else wanted


def limit_bytes(limits: Thresholds, mode: str) -> int:
    """The limit that a mode begins at; 0 for NORMAL."""
    sizes = {
        WARNING: limits.warning_bytes, READ_ONLY: limits.critical_bytes, EMERGENCY: limits.emergency_bytes,
    }  # fmt: skip
    return sizes.get(mode, 0)


def _may_deny(view: DegradationView) -> bool:
    """Whether a limit alone is missing: memguard acts here, and no restart is to come soon."""
    return view.is_acting and view.refusal.kind not in (ALLOWED, COOLING)


def _wanted(view: DegradationView, before: str) -> str:
    if _may_deny(view):
        for mode in (EMERGENCY, READ_ONLY):
            if _is_over(view, mode, before):
                return mode
    is_refused = not view.refusal.is_allowed
    return WARNING if is_refused or _is_over(view, WARNING, before) else NORMAL


def _is_over(view: DegradationView, mode: str, before: str) -> bool:
    """At the limit that the mode begins at; where it was reached before, not yet well below."""
    limit = limit_bytes(view.limits, mode)
    has_been = MODES.index(before) >= MODES.index(mode)
    return view.held_bytes >= (limit * STAYS_ABOVE if has_been else limit)
