"""The limit that the kernel is asked to report, where something holds the session for which it can."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.host.containment.base import Containment


class TripWire:
    """`is_set` says that the session's next limit needs no polling: the kernel wakes the watchdog at it."""

    __slots__ = ("_containment", "_limit_bytes", "is_set")

    def __init__(self, containment: "Containment") -> None:
        self._containment = containment
        self._limit_bytes = 0
        self.is_set = False

    def set_at(self, limit_bytes: int) -> None:
        """Ask for a report at `limit_bytes`; 0 for none. There is none where page cache has filled the group so far."""
        if limit_bytes != self._limit_bytes:
            self._limit_bytes = limit_bytes
            self.is_set = bool(limit_bytes) and self._containment.arm(limit_bytes)

    def sprung(self) -> None:
        """It has reported, and the session was looked at: the next report is above what is used now.

        Where that is above the limit, as with page cache, the limit has to be polled for.
        """
        is_armed = self._containment.raise_trip_wire(self._limit_bytes)
        self.is_set = is_armed and self._containment.usage_bytes() < self._limit_bytes
