"""What is left to do where a session's memory can't be read: go by time.

As behind a `/proc` mounted with `hidepid`: nothing can be decided by sizes, so the conversation is snapshotted now and
then, and the person can read that nobody watches.
"""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.reading import TreeReading

# A reading fails now and then, as while a client executes another program; for so long it doesn't by accident.
_AFTER_S = 60.0
# How much work a session that nobody watches may lose.
_EVERY_S = 600.0


class Blindness:
    """How long nothing has been seen of one client. `is_partial` says that sizes are no upper bound."""

    __slots__ = ("_checked_s", "_since_s", "is_blind", "is_partial")

    def __init__(self) -> None:
        self.is_blind = False
        self.is_partial = False
        self._since_s = 0.0
        self._checked_s = float("-inf")

    def look(self, reading: "TreeReading", now_s: float = -1.0) -> None:
        """Take a reading's quality in."""
        now_s = time.monotonic() if now_s < 0 else now_s
        if not self.is_blind:
            self._since_s = now_s
            self._checked_s = float("-inf")
        self.is_blind = reading.is_blind
        self.is_partial = reading.unreadable > 0

    def is_check_due(self, now_s: float = -1.0) -> bool:
        """Whether it is time for what can be done without sizes; asked again, it is not until the next time."""
        now_s = time.monotonic() if now_s < 0 else now_s
        if not self.is_blind or now_s - self._since_s < _AFTER_S or now_s - self._checked_s < _EVERY_S:
            return False
        self._checked_s = now_s
        return True
