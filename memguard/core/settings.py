"""The compiled configuration: what hooks and watchdog go by, as `name=value` lines.

`memguard.config` writes it from the person's files after checking them; nothing here judges again.
"""

from memguard.core.layout import read_pairs
from memguard.core.thresholds import Thresholds

GUARD_MODE = "guard"
OBSERVE_MODE = "observe"


class RestartLimits:
    """The restart intensity (attempts in a period), its back-off, and the times that a restart may take."""

    __slots__ = (
        "attempt_window_s",
        "boundary_timeout_s",
        "cooldown_multiplier",
        "force_kill_timeout_s",
        "graceful_timeout_s",
        "initial_cooldown_s",
        "max_attempts",
        "max_cooldown_s",
        "typing_quiet_s",
    )

    def __init__(self, pairs: dict[str, str]) -> None:
        self.max_attempts = int(pairs["max_attempts"])
        self.attempt_window_s = float(pairs["attempt_window_s"])
        self.initial_cooldown_s = float(pairs["initial_cooldown_s"])
        self.max_cooldown_s = float(pairs["max_cooldown_s"])
        self.cooldown_multiplier = float(pairs["cooldown_multiplier"])
        self.graceful_timeout_s = float(pairs["graceful_timeout_s"])
        self.force_kill_timeout_s = float(pairs["force_kill_timeout_s"])
        self.boundary_timeout_s = float(pairs["boundary_timeout_s"])
        self.typing_quiet_s = float(pairs["typing_quiet_s"])


class Settings:
    """Everything that a guard goes by. `interval_s` maps a memory state to the longest time between readings."""

    __slots__ = ("interval_s", "mode", "project", "python", "restart", "runtime_dir", "thresholds")

    def __init__(self, pairs: dict[str, str]) -> None:
        self.project = pairs["project"]
        self.runtime_dir = pairs["runtime"]
        self.python = pairs["python"]
        self.mode = pairs["mode"]
        self.thresholds = thresholds_of(pairs)
        self.restart = RestartLimits(pairs)
        names = ("normal", "warning", "critical", "emergency")
        self.interval_s = {name.upper(): float(pairs[f"{name}_interval_s"]) for name in names}


def thresholds_of(pairs: dict[str, str]) -> Thresholds:
    """Only the limits, for the quiet path."""
    return Thresholds(int(pairs["warning_bytes"]), int(pairs["critical_bytes"]), int(pairs["emergency_bytes"]))


def load_settings(path: str) -> Settings:
    """Read a compiled file; KeyError or ValueError when it is torn or of another version."""
    return Settings(read_pairs(path))
