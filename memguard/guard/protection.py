"""Restart protection: how often a guard may restart its session, kept on disk so that no death forgets it.

`max_attempts` in `attempt_window_s`, and after the n-th of them a cool-down of
`initial_cooldown_s * cooldown_multiplier ** (n - 1)`, at most `max_cooldown_s`. Attempts are counted per guard (a
launcher's lineage), not per session id: a fresh session, `/clear` or a fork resets nothing.
"""

import os
import time

from memguard.core import light_json as json
from memguard.core.layout import write_atomic
from memguard.core.lock import FileLock
from memguard.core.settings import RestartLimits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Attempt = dict[str, float | str]

# What one project's file keeps at the most; far above any window's attempts.
_KEPT_ATTEMPTS = 200


class Protection:
    """The attempts of one guard. `now` gives UTC seconds and is a parameter for tests."""

    __slots__ = ("_limits", "_now", "_path", "_unreadable", "guard_id")

    def __init__(self, path: str, guard_id: str, limits: RestartLimits, now: "Callable[[], float]" = time.time) -> None:
        self._path = path
        self.guard_id = guard_id
        self._limits = limits
        self._now = now
        self._unreadable = False

    def can_restart(self) -> "tuple[bool, str]":
        """Whether a restart is allowed now, and why not."""
        used = len(self.attempts())
        if used >= self._limits.max_attempts:
            window_min = self._limits.attempt_window_s / 60
            return False, f"{used} restarts in {window_min:.0f} min, the limit is {self._limits.max_attempts}"
        remaining_s = self.cooldown_remaining_s()
        if remaining_s > 0:
            return False, f"cooling down for another {remaining_s:.0f} s"
        return True, "allowed"

    def cooldown_remaining_s(self) -> float:
        """Seconds until the last attempt's cool-down is over; 0 when it is."""
        attempts = self.attempts()
        if not attempts:
            return 0.0
        return max(0.0, attempts[-1] + self._cooldown_s(len(attempts)) - self._utc_s())

    def attempts(self) -> "list[float]":
        """UTC seconds of this guard's attempts within the window, oldest first."""
        now_s = self._utc_s()
        # A clock set back leaves attempts in the future: they count as made now, rather than never.
        own = [min(float(a["t_utc"]), now_s) for a in self._load() if a["guard"] == self.guard_id]
        return sorted(t for t in own if now_s - t < self._limits.attempt_window_s)

    def record_attempt(self, reason: str) -> int:
        """Put an attempt on disk, before the first signal; its number within the window."""
        with FileLock(self._path + ".lock"):
            attempt: Attempt = {"t_utc": self._utc_s(), "guard": self.guard_id, "reason": reason}
            self._store([*self._load(), attempt][-_KEPT_ATTEMPTS:])
        return len(self.attempts())

    def reset(self) -> None:
        """Forget this guard's attempts."""
        with FileLock(self._path + ".lock"):
            self._store([a for a in self._load() if a["guard"] != self.guard_id])

    def _cooldown_s(self, attempts: int) -> float:
        limits = self._limits
        grown_s = limits.initial_cooldown_s * limits.cooldown_multiplier ** (attempts - 1)
        return min(grown_s, limits.max_cooldown_s)

    def _utc_s(self) -> float:
        return self._now()

    def _load(self) -> "list[Attempt]":
        try:
            with open(self._path, encoding="utf-8") as file:
                return _checked(json.loads(file.read()))
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError):
            return self._set_aside()

    def _set_aside(self) -> "list[Attempt]":
        """An unreadable record may hide attempts: keep it for the person, and count one as made just now."""
        attempt: Attempt = {"t_utc": self._utc_s(), "guard": self.guard_id, "reason": "record unreadable"}
        try:
            os.replace(self._path, self._path + ".unreadable")
            self._store([attempt])
        except OSError:
            pass  # said by whoever writes the next attempt
        return [attempt]

    def _store(self, attempts: "list[Attempt]") -> None:
        write_atomic(self._path, json.dumps({"version": 1, "attempts": attempts}).encode())


def _checked(record: "dict[str, list[Attempt]]") -> "list[Attempt]":
    attempts = record["attempts"]
    for attempt in attempts:
        float(attempt["t_utc"])
        str(attempt["guard"])
    return attempts
