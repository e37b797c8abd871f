"""The states and modes that a guarded process can be in."""

from __future__ import annotations

from enum import Enum

from memguard.core import degradation, thresholds


class MemoryState(Enum):
    """Which limit the process's tree has reached; without limits of its own, warning is 80 % of critical."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"
    EMERGENCY = "emergency"

    @classmethod
    def of(cls, name: str) -> MemoryState:
        """By the engine's name of a state (`core.thresholds`)."""
        return cls[name]

    @property
    def severity(self) -> int:
        """0 for NORMAL to 3 for EMERGENCY."""
        return thresholds.STATES.index(self.name)


class ProcessState(Enum):
    """What the guarded process is doing, as far as its guardian knows."""

    NOT_STARTED = "not_started"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    RESTARTING = "restarting"
    FAILED = "failed"


class DegradationMode(Enum):
    """What may still be done while restarts can't help; `docs/degradation.md` says when each begins."""

    NORMAL = "normal"
    WARNING = "warning"
    READ_ONLY = "read_only"
    EMERGENCY = "emergency"

    @classmethod
    def of(cls, name: str) -> DegradationMode:
        """By the engine's name of a mode (`core.degradation`)."""
        return cls[name]

    @property
    def severity(self) -> int:
        """0 for NORMAL to 3 for EMERGENCY."""
        return degradation.MODES.index(self.name)
