"""What the pause follows from, of a session as it was just read."""

import time

from memguard.watchdog.pace import NO_LIMIT_BYTES, PaceView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.guarded_session import GuardedSession

_VICTIM_S = 1.0


def pace_view(session: "GuardedSession", cost_s: float) -> PaceView:
    """`cost_s` is the CPU time of the last look and of what followed from it."""
    subject, settings = session.subject, session.settings
    longest_s = min(settings.interval_s[subject.state], session.degradation.longest_pause_s())
    # The host's victim waits for its turn's end, or for its time to be up.
    view = PaceView(subject.state, min(longest_s, _VICTIM_S) if session.neighbours.victim_s else longest_s)
    view.session_headroom_bytes = settings.thresholds.headroom_bytes(subject.held_bytes())
    view.tool_headroom_bytes = _tool_headroom_bytes(session)
    view.host_headroom_bytes = int(min(session.shortage.headroom_bytes(), session.neighbours.headroom_bytes))
    view.growth_bytes_per_s = subject.trend.latest_bytes_per_s()
    view.cost_s = cost_s
    view.has_call = bool(session.activity.in_flight)
    view.call_age_s = _call_age_s(session)
    view.is_starting = subject.is_starting
    return view


def _call_age_s(session: "GuardedSession") -> float:
    """Since the newest call began; its hook's clock is the wall's, so an age below 0 is of a clock that was set."""
    started_utc = max((call.started_utc for call in session.activity.in_flight.values()), default=0.0)
    return max(0.0, time.time() - started_utc)


def _tool_headroom_bytes(session: "GuardedSession") -> int:
    """Of the tool that is nearest below its budget; one that is over it, and could not be ended, hides no other."""
    budgets = session.settings.tools
    left = [
        budgets[part.budget_index].size_bytes - part.footprint_bytes
        for part in session.parts.now
        if 0 <= part.budget_index < len(budgets)
    ]
    # Before its process is there, a call that just began has its whole budget left.
    left += [
        budgets[call.budget_index].size_bytes
        for call in session.activity.in_flight.values()
        if 0 <= call.budget_index < len(budgets)
    ]
    return min([size for size in left if size > 0] or left, default=NO_LIMIT_BYTES)
