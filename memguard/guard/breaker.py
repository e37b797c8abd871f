"""The circuit breaker of restarts: closed, open, half-open. Pure: derived from outcomes, with no state of its own.

Closed, restarts may follow one another. Failures in a row open it: none may, for `open_s` after the last of them. Then
it is half-open: one restart may be tried (the probe), and nobody else may while that is under way. A settled one closes
it, a failed one opens it again. Since all follows from the list of attempts, no death can leave it between two states.
"""

from memguard.guard.moment import Moment
from memguard.guard.restart_record import FAILED, PENDING, SETTLED, RestartAttempt

CLOSED = "closed"
OPEN = "open"
HALF_OPEN = "half-open"

# What a restart may take at the most: capture 60 s, grace and kill, a resumed client's settling 60 s. Where nothing is
# heard of one for so long, whoever made it is gone, and so is its client.
LONGEST_ATTEMPT_S = 600.0


class Breaker:
    """The breaker of `attempts` (oldest first) at `now`.

    `is_tripped` says whether the run of failures that they end with opens it, and `open_s` for how long it stays open.
    """

    __slots__ = ("has_probe", "remaining_s", "state")

    def __init__(self, attempts: "list[RestartAttempt]", now: Moment, is_tripped: bool, open_s: float) -> None:
        self.state = CLOSED
        self.remaining_s = 0.0  # until it is half-open; 0 where it isn't open
        self.has_probe = False  # the one restart that half-open allows is under way
        if is_tripped:
            self.remaining_s = max(0.0, open_s - _last_failure_s(attempts, now))
            self.state = OPEN if self.remaining_s > 0 else HALF_OPEN
            self.has_probe = any(is_under_way(attempt, now) for attempt in attempts)


def is_under_way(attempt: RestartAttempt, now: Moment) -> bool:
    """Whether its outcome is still to come; one of another boot, or of long ago, will have none."""
    is_dead = attempt.begun.boot_id != now.boot_id or attempt.begun.age_s(now) >= LONGEST_ATTEMPT_S
    return attempt.outcome == PENDING and not is_dead


def failures_at_end(attempts: "list[RestartAttempt]", now: Moment) -> "list[RestartAttempt]":
    """The run of failures that the attempts end with, those under way left out; one that nobody followed failed."""
    run: list[RestartAttempt] = []
    for attempt in reversed(attempts):
        if attempt.outcome == SETTLED:
            break
        if attempt.outcome in (FAILED, PENDING) and not is_under_way(attempt, now):
            run.append(attempt)
    return run


def _last_failure_s(attempts: "list[RestartAttempt]", now: Moment) -> float:
    """Seconds since the newest failure became known."""
    ages = [attempt.judged.age_s(now) for attempt in attempts if attempt.outcome == FAILED and attempt.judged]
    # One without an outcome became a failure when its time was over; across a boot, nobody knows when.
    ages += [max(0.0, attempt.begun.age_s(now) - LONGEST_ATTEMPT_S) for attempt in attempts if _is_lost(attempt, now)]
    return min(ages, default=float("inf"))


def _is_lost(attempt: RestartAttempt, now: Moment) -> bool:
    return attempt.outcome == PENDING and not is_under_way(attempt, now)
