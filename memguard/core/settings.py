"""The compiled configuration: what hooks and watchdog go by, as `name=value` lines.

`memguard.config` writes it from the person's files after checking them; nothing here judges again.
"""

from memguard.core.host_settings import HealthSettings, ProcessLimits
from memguard.core.layout import read_pairs
from memguard.core.log import HUMAN, INFO
from memguard.core.thresholds import Thresholds
from memguard.core.tool_budgets import budgets_of

GUARD_MODE = "guard"
OBSERVE_MODE = "observe"

# `[containment] mechanism`, and `[restart_policy] strategy`
AUTO = "auto"
CGROUP = "cgroup"
PROCESS_TREE = "process-tree"


class RestartLimits:
    """The restart intensity (attempts in a period), its back-off, and the times that a restart may take."""

    __slots__ = (
        "attempt_window_s",
        "boundary_timeout_s",
        "cooldown_multiplier",
        "force_kill_timeout_s",
        "graceful_timeout_s",
        "host_max_attempts",
        "initial_cooldown_s",
        "max_attempts",
        "max_cooldown_s",
        "strategy",
        "typing_quiet_s",
    )

    def __init__(self, pairs: dict[str, str]) -> None:
        self.max_attempts = int(pairs["max_attempts"])
        self.host_max_attempts = int(pairs.get("host_max_attempts", "12"))
        self.attempt_window_s = float(pairs["attempt_window_s"])
        self.initial_cooldown_s = float(pairs["initial_cooldown_s"])
        self.max_cooldown_s = float(pairs["max_cooldown_s"])
        self.cooldown_multiplier = float(pairs["cooldown_multiplier"])
        self.graceful_timeout_s = float(pairs["graceful_timeout_s"])
        self.force_kill_timeout_s = float(pairs["force_kill_timeout_s"])
        self.boundary_timeout_s = float(pairs["boundary_timeout_s"])
        self.typing_quiet_s = float(pairs["typing_quiet_s"])
        self.strategy = pairs.get("restart_strategy", AUTO)  # AUTO, or one of `core.ticket`


class Settings:
    """Everything that a guard goes by. `interval_s` maps a memory state to the longest time between readings.

    `host_budget_bytes` is for all guarded sessions of this host together; 0 where it isn't known. An
    older version's compiled file lacks some of these, which then have their defaults: a session outlives an upgrade.
    """

    __slots__ = (
        "containment",
        "end_client",
        "health",
        "host_budget_bytes",
        "interval_s",
        "is_degrading",
        "limits",
        "log_format",
        "log_level",
        "mode",
        "plugin_timeout_s",
        "plugins",
        "project",
        "python",
        "respawn_in_tmux",
        "restart",
        "runtime_dir",
        "thresholds",
        "tool_oom_score_adj",
        "tools",
    )

    def __init__(self, pairs: dict[str, str]) -> None:
        self.project = pairs["project"]
        self.runtime_dir = pairs["runtime"]
        self.python = pairs["python"]
        self.mode = pairs["mode"]
        self.thresholds = thresholds_of(pairs)
        self.restart = RestartLimits(pairs)
        names = ("normal", "warning", "critical", "emergency")
        self.interval_s = {name.upper(): float(pairs[f"{name}_interval_s"]) for name in names}
        self.tools = budgets_of(pairs)
        self.host_budget_bytes = int(pairs.get("host_budget_bytes", "0"))
        self.containment = pairs.get("containment", AUTO)
        self.tool_oom_score_adj = int(pairs.get("tool_oom_score_adj", "300"))
        self.respawn_in_tmux = pairs.get("respawn_in_tmux", "1") == "1"
        self.end_client = pairs.get("end_client", "0") == "1"
        self.plugins = pairs.get("plugins", "").split()
        self.plugin_timeout_s = float(pairs.get("plugin_timeout_s", "2"))
        self.health = HealthSettings(pairs) if pairs.get("health", "1") == "1" else None
        limits = ProcessLimits(pairs)
        self.limits = limits if limits.has_any else None
        self.log_level = pairs.get("log_level", INFO)
        self.log_format = pairs.get("log_format", HUMAN)
        self.is_degrading = pairs.get("degradation", "1") == "1"


def thresholds_of(pairs: dict[str, str]) -> Thresholds:
    """Only the limits, for the quiet path."""
    return Thresholds(int(pairs["warning_bytes"]), int(pairs["critical_bytes"]), int(pairs["emergency_bytes"]))


def load_settings(path: str) -> Settings:
    """Read a compiled file; KeyError or ValueError when it is torn or of another version."""
    return Settings(read_pairs(path))
