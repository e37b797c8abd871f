"""What will become of a session that goes on growing, as it is: for the person and the model."""

from memguard.core.layout import GUARD, PROTECTION, read_pairs
from memguard.core.log import printable
from memguard.core.pause import is_paused
from memguard.core.settings import OBSERVE_MODE, RestartLimits, thresholds_of
from memguard.core.units import format_size
from memguard.gate import Event
from memguard.guard.protection import RestartProtection


def outlook(event: Event) -> str:
    """One sentence, true of this session as it is now."""
    why_not = obstacle(event)
    if why_not:
        return f"It is not restarted: {printable(why_not, 160)}."
    limits, wait_s = thresholds_of(event.pairs), RestartLimits(event.pairs).boundary_timeout_s
    return (
        f"At {format_size(limits.critical_bytes)} the session is snapshotted and restarted, at the end of its turn or"
        f" after {wait_s:.0f} s; at {format_size(limits.emergency_bytes)} at once."
    )


def obstacle(event: Event) -> str:
    """Why no restart can follow; empty where one can. In the watchdog's order."""
    guard = read_pairs(f"{event.guard_dir}/{GUARD}")
    if guard.get("restartable") != "1":
        return guard.get("why") or "not started by `memguard run`"
    if event.pairs.get("mode") == OBSERVE_MODE:
        return "memguard is in observe mode"
    if is_paused(event.guard_dir, event.project_dir):
        return "memguard is paused"
    limits = RestartLimits(event.pairs)
    lineage = guard.get("lineage") or event.guard_id
    is_allowed, why = RestartProtection(f"{event.state_dir}/{PROTECTION}", lineage, limits).can_restart()
    return "" if is_allowed else why
