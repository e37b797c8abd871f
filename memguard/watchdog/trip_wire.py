"""The limit that the kernel is asked to report, where something holds the session for which it can."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.host.containment.base import Containment


class TripWire:
    """Armed at the session's next limit; what it says is believed only where the kernel counts what is counted here."""

    __slots__ = ("_containment", "_is_armed", "_limit_bytes")

    def __init__(self, containment: "Containment") -> None:
        self._containment = containment
        self._limit_bytes = 0
        self._is_armed = False

    def set_at(self, limit_bytes: int) -> None:
        """Ask for a report at `limit_bytes`; 0 for none. There is none where page cache has filled the group so far."""
        if limit_bytes != self._limit_bytes:
            self._limit_bytes = limit_bytes
            self._is_armed = bool(limit_bytes) and self._containment.arm(limit_bytes)

    def reports(self, held_bytes: int) -> bool:
        """Whether the limit needs no polling, with so much held.

        A group counts neither swap nor what was charged elsewhere before the session was placed in it, and nothing at
        all where it couldn't be: with less in it than is held, it would report too late.
        """
        return self._is_armed and self._containment.usage_bytes() >= held_bytes

    def sprung(self) -> None:
        """It has reported, and the session was looked at: the next report is above what is used now.

        Where that is above the limit, as with page cache, the limit has to be polled for.
        """
        is_armed = self._containment.raise_trip_wire(self._limit_bytes)
        self._is_armed = is_armed and self._containment.usage_bytes() < self._limit_bytes
