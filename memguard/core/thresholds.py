"""The memory states, and the limits that part them. Part of the quiet path: imports nothing."""

NORMAL = "NORMAL"
WARNING = "WARNING"
CRITICAL = "CRITICAL"
EMERGENCY = "EMERGENCY"
STATES = (NORMAL, WARNING, CRITICAL, EMERGENCY)


class Thresholds:
    """Three limits in bytes; a footprint at a limit is already in that limit's state."""

    __slots__ = ("critical_bytes", "emergency_bytes", "warning_bytes")

    def __init__(self, warning_bytes: int, critical_bytes: int, emergency_bytes: int) -> None:
        self.warning_bytes = warning_bytes
        self.critical_bytes = critical_bytes
        self.emergency_bytes = emergency_bytes

    def state_of(self, footprint_bytes: int) -> str:
        """The state that a footprint is in, one of STATES."""
        if footprint_bytes < self.warning_bytes:
            return NORMAL
        if footprint_bytes < self.critical_bytes:
            return WARNING
        return CRITICAL if footprint_bytes < self.emergency_bytes else EMERGENCY

    def headroom_bytes(self, footprint_bytes: int) -> int:
        """Bytes until the next limit; 0 beyond the last."""
        limits = (self.warning_bytes, self.critical_bytes, self.emergency_bytes)
        return next((limit - footprint_bytes for limit in limits if limit > footprint_bytes), 0)

    def limit_of(self, state: str) -> int:
        """The limit in bytes that `state` begins at; 0 for NORMAL."""
        limits = (0, self.warning_bytes, self.critical_bytes, self.emergency_bytes)
        return limits[STATES.index(state)]
