"""The configuration as a person writes it: nine tables and three single values, checked one by one.

Sizes are whole megabytes (1 MB = 1024 * 1024 bytes) and durations are seconds, as they are in the files.
"""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from memguard.config.tool_patterns import MOST_PATTERNS, checked_pattern
from memguard.core.errors import ConfigError
from memguard.core.units import parse_duration, parse_size

MEGABYTE_BYTES = 1024 * 1024
_DAY_S = 86400
_LARGEST_MB = 16 * 1024 * 1024  # 16 TB: no host has more, and an int of any length would not fit anywhere


def _megabytes(value: object) -> object:
    """Text to whole megabytes: a bare number is megabytes, as in the file; anything else needs a unit."""
    if not isinstance(value, str):
        return value
    text = value.strip()[:40]
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return parse_size(text) // MEGABYTE_BYTES
    except (ConfigError, OverflowError):
        raise ValueError("is not a size; write megabytes or a size such as 512MB, 4GB or 1.5G") from None


def _seconds(value: object) -> object:
    """Text to seconds: a bare number is seconds, `30m` has a unit."""
    if not isinstance(value, str):
        return value
    text = value.strip()[:40]
    try:
        # `0` is a duration here (no wait), though not for `parse_duration`, which reads what must take a while.
        return 0.0 if text in ("0", "0s") else parse_duration(text)
    except (ConfigError, OverflowError):
        raise ValueError("is not a duration; write seconds or a duration such as 45s, 30m or 2h") from None


def _few(table: object) -> object:
    """Before each entry is looked at: a table of 50,000 faults would be as many lines for the person."""
    if isinstance(table, dict) and len(table) > MOST_PATTERNS:
        raise ValueError(f"holds {len(table)} budgets; {MOST_PATTERNS} is the most")
    return table


Megabytes = Annotated[int, BeforeValidator(_megabytes), Field(ge=1, le=_LARGEST_MB)]
Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Multiplier = Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)]
Interval = Annotated[float, BeforeValidator(_seconds), Field(ge=0.1, le=3600, allow_inf_nan=False)]
Wait = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=3600, allow_inf_nan=False)]
Cooldown = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=_DAY_S, allow_inf_nan=False)]
Window = Annotated[float, BeforeValidator(_seconds), Field(ge=1, le=30 * _DAY_S, allow_inf_nan=False)]
ToolBudgets = Annotated[dict[Annotated[str, AfterValidator(checked_pattern)], Megabytes], BeforeValidator(_few)]


class _Table(BaseModel):
    """A table that takes only the keys it knows and only values of their own type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def _falling(self, *names: str) -> None:
        """Raise ValueError where, of the values that were set, an earlier one is below a later one."""
        given = [name for name in names if name in self.model_fields_set]
        for high, low in pairwise(given):
            if getattr(self, high) < getattr(self, low):
                raise ValueError(f"{low} ({getattr(self, low):g}) is above {high} ({getattr(self, high):g})")


class MemoryThresholds(_Table):
    """Limits of the session's whole tree: megabytes, and the same as percent of capacity."""

    warning: Megabytes = 12288
    critical: Megabytes = 15360
    emergency: Megabytes = 18432
    warning_percent: Percent = 50.0
    critical_percent: Percent = 65.0
    emergency_percent: Percent = 75.0

    @model_validator(mode="after")
    def _ordered(self) -> "MemoryThresholds":
        self._falling("emergency", "critical", "warning")
        self._falling("emergency_percent", "critical_percent", "warning_percent")
        return self


class RestartPolicy(_Table):
    """How often a session may be restarted, how long each step of a restart may take (seconds), and what follows."""

    max_attempts: Annotated[int, Field(ge=0, le=100)] = 3
    attempt_window: Window = 3600.0
    initial_cooldown: Cooldown = 30.0
    max_cooldown: Cooldown = 300.0
    cooldown_multiplier: Multiplier = 2.0
    graceful_timeout: Wait = 30.0
    force_kill_timeout: Wait = 10.0
    boundary_timeout: Cooldown = 120.0
    typing_quiet: Wait = 30.0
    strategy: Literal["auto", "resume", "fresh"] = "auto"

    @model_validator(mode="after")
    def _ordered(self) -> "RestartPolicy":
        self._falling("max_cooldown", "initial_cooldown")
        return self


class MonitoringConfig(_Table):
    """The longest time between two readings in each memory state (seconds)."""

    normal_interval: Interval = 30.0
    warning_interval: Interval = 15.0
    critical_interval: Interval = 5.0
    emergency_interval: Interval = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> "MonitoringConfig":
        self._falling("normal_interval", "warning_interval", "critical_interval", "emergency_interval")
        return self


class SnapshotsConfig(_Table):
    """How long the snapshots of a project are kept (days), how many, how much they may take (megabytes); the rules."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 7
    retention_count: Annotated[int, Field(ge=1, le=100000)] = 200
    retention_size: Megabytes = 2048
    redaction_rules: Literal["all", "own"] = "all"


class HostConfig(_Table):
    """What all guarded sessions of this host may hold together: megabytes, and the same as percent of capacity."""

    budget: Megabytes | None = None
    budget_percent: Percent = 85.0


class ContainmentConfig(_Table):
    """What holds a session's tree together, and how much sooner than the session the kernel ends its tool calls."""

    mechanism: Literal["auto", "cgroup", "process-tree"] = "auto"
    tool_oom_score_adj: Annotated[int, Field(ge=0, le=1000)] = 300


class WatchConfig(_Table):
    """Sessions that `memguard run` didn't start."""

    respawn_in_tmux: bool = True
    end_client: bool = False


class HandoffConfig(_Table):
    """What the next session reads of the one before it."""

    summariser: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$")] | None = None


class MemoryGuardianConfig(_Table):
    """Everything that can be set. `model_fields_set` of it and of its tables says what was."""

    mode: Literal["guard", "observe"] = "guard"
    client: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    privacy: Literal["redacted", "exact"] = "redacted"
    thresholds: MemoryThresholds = MemoryThresholds()
    restart_policy: RestartPolicy = RestartPolicy()
    monitoring: MonitoringConfig = MonitoringConfig()
    snapshots: SnapshotsConfig = SnapshotsConfig()
    tools: ToolBudgets = Field(default_factory=dict)
    host: HostConfig = HostConfig()
    containment: ContainmentConfig = ContainmentConfig()
    watch: WatchConfig = WatchConfig()
    handoff: HandoffConfig = HandoffConfig()

    @model_validator(mode="after")
    def _usable_client(self) -> "MemoryGuardianConfig":
        if self.client and not self.client.isprintable():
            raise ValueError("client is not a path: it holds a control character")
        return self
