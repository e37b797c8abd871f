"""What to do about a session, decided from what is known of it. Pure: no clock, no file, no process."""

from memguard.core.settings import OBSERVE_MODE, RestartLimits
from memguard.core.thresholds import CRITICAL, EMERGENCY
from memguard.guard.excess import Excess

WATCH = "watch"  # nothing to do
WAIT = "wait"  # a restart is due, at the next turn boundary
RESTART = "restart"  # a restart is due now, and may take the time that a graceful one needs
RESTART_NOW = "restart-now"  # everything that can wait waits
END_PART = "end-part"  # a part of it is the culprit, and goes instead of the session
WOULD = "would"  # observe mode: only say it
# A capture of a large conversation and a graceful end take this long together; growth that reaches EMERGENCY sooner
# doesn't hold until the turn is over.
_HOLDS_S = 5.0


class View:
    """What is known of a session at one moment.

    `state` is confirmed by PSS; `over_s` is how long it has been CRITICAL or worse, `requested_s` how long a
    person's request has waited; `forecast_s` is the time to
    EMERGENCY at the present growth; `is_starting` lasts from a (re)start until the footprint has settled, and
    `is_resume_peak` says that what it holds meanwhile is what reading its conversation takes. `excess` is the part
    that is to go instead of the session, where one is. The sessions of this host have agreed on this one, for
    `victim_s`, as `is_host_victim` says; on another one, as `is_others_turn` says; why, in `host_reason`.
    """

    __slots__ = (
        "at_boundary", "excess", "forecast_s", "host_reason", "is_host_short", "is_host_victim", "is_others_turn",
        "is_paused", "is_requested", "is_restartable", "is_resume_peak", "is_settled", "is_starting", "is_stopped",
        "mode", "over_s", "requested_s", "state", "victim_s",
    )  # fmt: skip

    def __init__(self, state: str, mode: str) -> None:
        self.state = state
        self.mode = mode
        self.at_boundary = False
        self.excess: Excess | None = None
        self.forecast_s = float("inf")
        self.host_reason = ""
        self.is_host_short = False
        self.is_host_victim = False
        self.is_others_turn = False
        self.is_paused = False
        self.is_requested = False
        self.is_resume_peak = False
        self.is_restartable = True
        self.is_settled = True
        self.is_starting = False
        self.is_stopped = False
        self.over_s = 0.0
        self.requested_s = 0.0
        self.victim_s = 0.0


class Decision:
    """An action of this module, and one line why."""

    __slots__ = ("action", "reason")

    def __init__(self, action: str, reason: str) -> None:
        self.action = action
        self.reason = reason


def decide(view: View, limits: RestartLimits) -> Decision:
    """The action for `view`. The person's pause and the client's own limits come first, then urgency."""
    decision = _due_to_a_part(view) or _due(view, limits)
    if decision.action == WATCH:
        return decision
    if view.is_paused and not view.is_requested:
        return Decision(WATCH, "paused by the person")
    if decision.action == END_PART:
        return Decision(WOULD, decision.reason) if view.mode == OBSERVE_MODE else decision
    if not view.is_restartable:
        return Decision(WATCH, "this session can't be restarted")
    if view.mode == OBSERVE_MODE and not view.is_requested:
        return Decision(WOULD, decision.reason)
    return decision


def _due_to_a_part(view: View) -> Decision | None:
    if view.excess is None or (view.is_paused and view.is_requested):
        return None
    return Decision(END_PART, f"{view.excess.part.name} is over {view.excess.limit}")


def _due(view: View, limits: RestartLimits) -> Decision:
    if view.is_starting and not view.is_host_short and (view.is_resume_peak or view.state != EMERGENCY):
        return Decision(WATCH, "the client is still starting")
    if view.state == EMERGENCY:
        return Decision(RESTART_NOW, "footprint over the emergency limit")
    if view.is_stopped:
        return Decision(WATCH, "the client is stopped (Ctrl-Z)")
    if view.state == CRITICAL:
        return _critical(view, limits)
    return _below_critical(view, limits)


def _below_critical(view: View, limits: RestartLimits) -> Decision:
    """For the host's sake, or the person's."""
    if view.is_host_victim:
        return _host_victim(view, limits)
    if view.is_requested:
        is_due = view.at_boundary or view.requested_s >= limits.boundary_timeout_s
        return Decision(RESTART if is_due else WAIT, "asked for by the person")
    return Decision(WATCH, "below the critical limit")


def _critical(view: View, limits: RestartLimits) -> Decision:
    reason = "footprint over the critical limit"
    if view.forecast_s < _HOLDS_S:
        return Decision(RESTART_NOW, f"{reason}, and growing to the emergency limit within {_HOLDS_S:.0f} s")
    if view.is_others_turn:
        return Decision(WAIT, f"{reason}; another session of this host is being restarted")
    if view.at_boundary and view.is_settled:
        return Decision(RESTART, reason)
    if view.over_s >= limits.boundary_timeout_s:
        return Decision(RESTART, f"{reason} for {view.over_s:.0f} s without a turn boundary")
    return Decision(WAIT, reason)


def _host_victim(view: View, limits: RestartLimits) -> Decision:
    """An idle session now; a busy one, which is chosen last, at its boundary, or when waiting would cost the host."""
    if view.at_boundary:
        return Decision(RESTART, f"{view.host_reason}; this one is idle and the largest")
    if view.is_host_short or view.victim_s >= limits.boundary_timeout_s:
        return Decision(RESTART, f"{view.host_reason}; no idle session is left to restart")
    return Decision(WAIT, view.host_reason)
