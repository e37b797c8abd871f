"""What protection says of a restart: allowed, or why not.

Apart from `protection`, so that a watchdog whose guard has never been restarted need not load that.
"""

# Why protection says no.
ALLOWED = ""
COOLING = "cooling"  # it passes by itself, soon
SPENT = "spent"  # the guard's attempts in the window
FAILING = "failing"  # the guard's breaker is open, or its probe is under way
HOST_SPENT = "host-spent"
HOST_FAILING = "host-failing"
LOST = "lost"  # the record was unreadable


class Verdict:
    """Whether a restart is allowed: `kind` is ALLOWED or why not, `why` the same for the person."""

    __slots__ = ("kind", "wait_s", "why")

    def __init__(self, kind: str, why: str, wait_s: float = 0.0) -> None:
        self.kind = kind
        self.why = why
        self.wait_s = wait_s  # until time alone changes it, for a cool-down or an open breaker

    @property
    def is_allowed(self) -> bool:
        """Whether a restart may begin."""
        return self.kind == ALLOWED
