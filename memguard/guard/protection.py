"""Restart protection: how often sessions may be restarted, kept on disk so that no death forgets it.

Per guard (a launcher's lineage, whatever session ids it goes through): `max_attempts` in `attempt_window_s`, and after
the n-th of them a cool-down of `initial_cooldown_s * cooldown_multiplier ** (n - 1)`, at most `max_cooldown_s`; after a
restart that failed, the breaker is open for as long from when that was known. Per host (all guards of one state folder
on it): `host_max_attempts` in the same window, and a breaker that opens for `max_cooldown_s` after three failures in a
row of more than one guard.
"""

import os

from memguard.core.settings import RestartLimits
from memguard.guard.breaker import HALF_OPEN, OPEN, Breaker, failures_at_end, is_under_way
from memguard.guard.moment import Moment, now
from memguard.guard.restart_record import (
    FAILED,
    PENDING,
    SETTLED,
    UNREADABLE,
    RestartAttempt,
    RestartRecord,
    mark_of_loss,
)
from memguard.guard.restart_verdict import ALLOWED, COOLING, FAILING, HOST_FAILING, HOST_SPENT, LOST, SPENT, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_HOST_FAILURES = 3
_WAY_OUT = "memguard restart --reset-protection"


class RestartProtection:
    """The attempts of one guard and of its host. `clock` gives the moment and is a parameter for tests."""

    __slots__ = ("_clock", "_limits", "_record", "guard_id", "host")

    def __init__(
        self,
        path: str,
        guard_id: str,
        limits: RestartLimits,
        clock: "Callable[[], Moment]" = now,
        host: str = "",
    ) -> None:
        self._record = RestartRecord(path)
        self.guard_id = guard_id
        self.host = host or host_name()
        self._limits = limits
        self._clock = clock

    @property
    def path(self) -> str:
        """The record's file."""
        return self._record.path

    def can_restart(self) -> "tuple[bool, str]":
        """Whether a restart is allowed now, and why not."""
        verdict = self.verdict()
        return verdict.is_allowed, verdict.why

    def verdict(self) -> Verdict:
        """The same with the kind of the refusal."""
        moment = self._clock()
        return self._judged(self._loaded(moment), moment)

    def get_cooldown_remaining(self) -> float:
        """Seconds until this guard's cool-down, or the time that its breaker is open, is over; 0 when it is."""
        moment = self._clock()
        own = self._own(self._loaded(moment), moment)
        return max(self._cooldown_left_s(own, moment), self._breaker(own, moment).remaining_s)

    def attempts(self) -> "list[float]":
        """UTC seconds of this guard's attempts within the window, oldest first."""
        moment = self._clock()
        return [attempt.begun.utc_s for attempt in self._own(self._loaded(moment), moment)]

    def last_attempt_age_s(self) -> float:
        """Seconds since this guard's last attempt began; infinite where there is none in the window."""
        moment = self._clock()
        own = self._own(self._loaded(moment), moment)
        return own[-1].begun.age_s(moment) if own else float("inf")

    def pending_age_s(self) -> float:
        """Seconds since this guard's attempt under way began; -1 where none is."""
        moment = self._clock()
        own = self._own(self._loaded(moment), moment)
        return next((attempt.begun.age_s(moment) for attempt in reversed(own) if is_under_way(attempt, moment)), -1.0)

    def begin_attempt(self, reason: str) -> "tuple[int, Verdict]":
        """Put an attempt on disk, before the first signal, if it is allowed: its number in the window (0: it isn't).

        Asked and counted under one lock, so that of two guards one gets the last attempt, or the one probe. Raises
        OSError where the record can't be locked or written.
        """
        answer: list[tuple[int, Verdict]] = []

        def edit(attempts: "list[RestartAttempt]") -> "list[RestartAttempt]":
            moment = self._clock()
            verdict = self._judged(attempts, moment)
            number = len(self._own(attempts, moment)) + 1 if verdict.is_allowed else 0
            answer.append((number, verdict))
            return [*attempts, RestartAttempt(self.guard_id, self.host, reason, moment)] if number else attempts

        self._record.change(self._clock(), edit)
        return answer[0]

    def record_attempt(self, success: bool, reason: str) -> None:
        """Say how the attempt under way ended; where none is, record a whole one that ended so.

        Raises OSError where the record can't be locked or written.
        """

        def edit(attempts: "list[RestartAttempt]") -> "list[RestartAttempt]":
            if not self._judge_pending(attempts, success, reason):
                attempts.append(RestartAttempt(self.guard_id, self.host, reason, self._clock()))
                attempts[-1].judge(SETTLED if success else FAILED, self._clock())
            return attempts

        self._record.change(self._clock(), edit)

    def judge_attempt(self, success: bool, why: str) -> bool:
        """Say how the attempt under way ended; False, and nothing is written, where none is."""
        if not any(attempt.outcome == PENDING and self._is_own(attempt) for attempt in self._record.read() or ()):
            return False
        self._record.change(self._clock(), lambda attempts: self._with_judged(attempts, success, why))
        return True

    def reset(self) -> None:
        """Forget this guard's attempts, and what an unreadable record stood for."""
        self._record.change(
            self._clock(),
            lambda attempts: [a for a in attempts if a.guard != self.guard_id and a.outcome != UNREADABLE],
        )

    def reset_host(self) -> None:
        """Forget the attempts of all guards of this host."""
        self._record.change(self._clock(), lambda attempts: [a for a in attempts if a.host not in (self.host, "")])

    @property
    def statistics(self) -> "dict[str, object]":
        """Counts within the window, and how both breakers stand."""
        moment = self._clock()
        attempts = self._loaded(moment)
        own, here = self._own(attempts, moment), self._of_host(attempts, moment)
        counts = {outcome: sum(attempt.outcome == outcome for attempt in own) for outcome in (SETTLED, FAILED, PENDING)}
        return {
            "attempts": len(own), **counts, "max_attempts": self._limits.max_attempts,
            "breaker": self._breaker(own, moment).state,
            "cooldown_remaining_s": round(
                max(self._cooldown_left_s(own, moment), self._breaker(own, moment).remaining_s), 1
            ),
            "host_attempts": len(here), "host_max_attempts": self._limits.host_max_attempts,
            "host_breaker": self._host_breaker(here, moment).state, "refusal": self._judged(attempts, moment).kind,
        }  # fmt: skip

    def _judged(self, attempts: "list[RestartAttempt]", moment: Moment) -> Verdict:
        own, here = self._own(attempts, moment), self._of_host(attempts, moment)
        return (
            self._lost(attempts, moment)
            or self._spent(own, self._limits.max_attempts, SPENT, "")
            or self._not_closed(self._breaker(own, moment), FAILING, "the last restart failed")
            or self._cooling(own, moment)
            or self._spent(here, self._limits.host_max_attempts, HOST_SPENT, " of all sessions of this host")
            or self._not_closed(self._host_breaker(here, moment), HOST_FAILING, "restarts fail all over this host")
            or Verdict(ALLOWED, "allowed")
        )

    def _lost(self, attempts: "list[RestartAttempt]", moment: Moment) -> Verdict | None:
        marks = [a.begun.age_s(moment) for a in self._recent(attempts, moment) if a.outcome == UNREADABLE]
        if not marks:
            return None
        kept = f"{os.path.basename(self.path)}.unreadable"
        why = f"the record of restarts was unreadable (kept as {kept}), so that all of them count as spent"
        return Verdict(LOST, f"{why}; `{_WAY_OUT}` begins a new one", self._limits.attempt_window_s - min(marks))

    def _spent(self, attempts: "list[RestartAttempt]", most: int, kind: str, whose: str) -> Verdict | None:
        if len(attempts) < most:
            return None
        window_min = self._limits.attempt_window_s / 60
        return Verdict(kind, f"{len(attempts)} restarts{whose} in {window_min:.0f} min, the limit is {most}")

    def _not_closed(self, breaker: Breaker, kind: str, what: str) -> Verdict | None:
        if breaker.state == OPEN:
            why = f"{what}: the next try is in {breaker.remaining_s:.0f} s at the earliest"
            return Verdict(kind, why, breaker.remaining_s)
        if breaker.state == HALF_OPEN and breaker.has_probe:
            return Verdict(kind, f"{what}, and one is being tried")
        return None

    def _cooling(self, own: "list[RestartAttempt]", moment: Moment) -> Verdict | None:
        left_s = self._cooldown_left_s(own, moment)
        if left_s > 0:
            return Verdict(COOLING, f"cooling down for another {left_s:.0f} s", left_s)
        is_unjudged = any(is_under_way(attempt, moment) for attempt in own)
        return Verdict(COOLING, "the client of the last restart has not settled yet") if is_unjudged else None

    def _cooldown_left_s(self, own: "list[RestartAttempt]", moment: Moment) -> float:
        return max(0.0, self._back_off_s(len(own)) - own[-1].begun.age_s(moment)) if own else 0.0

    def _back_off_s(self, attempts: int) -> float:
        limits = self._limits
        grown_s = limits.initial_cooldown_s * limits.cooldown_multiplier ** min(attempts - 1, 100)
        return min(grown_s, limits.max_cooldown_s)

    def _breaker(self, own: "list[RestartAttempt]", moment: Moment) -> Breaker:
        return Breaker(own, moment, bool(failures_at_end(own, moment)), self._back_off_s(len(own)))

    def _host_breaker(self, here: "list[RestartAttempt]", moment: Moment) -> Breaker:
        """One session that fails again and again is its own guard's business: it takes two to speak of the host."""
        failures = failures_at_end(here, moment)
        is_tripped = len(failures) >= _HOST_FAILURES and len({attempt.guard for attempt in failures}) > 1
        return Breaker(here, moment, is_tripped, self._limits.max_cooldown_s)

    def _own(self, attempts: "list[RestartAttempt]", moment: Moment) -> "list[RestartAttempt]":
        return [attempt for attempt in self._recent(attempts, moment) if self._is_own(attempt)]

    def _of_host(self, attempts: "list[RestartAttempt]", moment: Moment) -> "list[RestartAttempt]":
        return [attempt for attempt in self._recent(attempts, moment) if attempt.host == self.host]

    def _recent(self, attempts: "list[RestartAttempt]", moment: Moment) -> "list[RestartAttempt]":
        return [attempt for attempt in attempts if attempt.begun.age_s(moment) < self._limits.attempt_window_s]

    def _is_own(self, attempt: RestartAttempt) -> bool:
        return attempt.guard == self.guard_id

    def _judge_pending(self, attempts: "list[RestartAttempt]", success: bool, why: str) -> bool:
        pending = [attempt for attempt in attempts if attempt.outcome == PENDING and self._is_own(attempt)]
        for attempt in pending:
            is_last = attempt is pending[-1]
            attempt.judge(SETTLED if success and is_last else FAILED, self._clock(), why)
        return bool(pending)

    def _with_judged(self, attempts: "list[RestartAttempt]", success: bool, why: str) -> "list[RestartAttempt]":
        self._judge_pending(attempts, success, why)
        return attempts

    def _loaded(self, moment: Moment) -> "list[RestartAttempt]":
        """The attempts. Of a record that can't be read the mark is written at once, so that its window can pass."""
        attempts = self._record.read()
        if attempts is None:
            try:
                self._record.change(moment, list)
            except OSError:
                return [mark_of_loss(moment)]  # said by whoever asks: its verdict is LOST as long as this lasts
            attempts = self._record.read()
        return [mark_of_loss(moment)] if attempts is None else attempts


def host_name() -> str:
    """What this host is called: a state folder in a shared home serves several."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
