"""The configuration as a person writes it: tables and single values, once for all and once for each platform.

Sizes are whole megabytes (1 MB = 1024 * 1024 bytes) and durations are seconds, as they are in the files.
"""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from memguard.config.plugin_options import MOST_PLUGINS, checked_options, distinct, folded
from memguard.config.tool_patterns import MOST_DEGRADED, MOST_PATTERNS, checked_pattern, checked_tool
from memguard.core.degradation import EMERGENCY_ALLOWS, READ_ONLY_DENIES
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


def _path(text: str) -> str:
    if not text.isprintable():
        raise ValueError("is not a path: it holds a control character")
    return text


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
CpuTime = Annotated[float, BeforeValidator(_seconds), Field(ge=1, le=30 * _DAY_S, allow_inf_nan=False)]
ToolBudgets = Annotated[dict[Annotated[str, AfterValidator(checked_pattern)], Megabytes], BeforeValidator(_few)]


PluginName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$")]
DeniedTools = Annotated[
    list[Annotated[str, AfterValidator(checked_pattern)]], Field(max_length=MOST_DEGRADED), AfterValidator(distinct)
]
AllowedTools = Annotated[
    list[Annotated[str, AfterValidator(checked_tool)]], Field(max_length=MOST_DEGRADED), AfterValidator(distinct)
]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]


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
    host_max_attempts: Annotated[int, Field(ge=0, le=500)] = 12
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


class DegradationConfig(_Table):
    """What a session over its limits may still do while no restart can help: denied tools, the only allowed ones."""

    enabled: bool = True
    read_only: DeniedTools = list(READ_ONLY_DENIES)
    emergency: AllowedTools = list(EMERGENCY_ALLOWS)


class PluginsConfig(_Table):
    """Which plugins run, how long a call of one may take (seconds), what they may hold together (megabytes).

    `variables` names what they see of the shell that `memguard run` was typed in. What a file has under
    `[plugins.<name>]` is under `options`.
    """

    model_config = ConfigDict(json_schema_extra={"additionalProperties": {"type": "object"}})

    enabled: Annotated[list[PluginName], Field(max_length=MOST_PLUGINS), AfterValidator(distinct)] = []
    timeout: Annotated[float, BeforeValidator(_seconds), Field(ge=0.1, le=30, allow_inf_nan=False)] = 2.0
    memory: Annotated[Megabytes, Field(ge=64)] = 512
    variables: Annotated[list[VariableName], Field(max_length=MOST_PLUGINS), AfterValidator(distinct)] = []
    options: Annotated[dict[PluginName, dict[str, Any]], AfterValidator(checked_options)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _folded(cls, table: Any) -> Any:
        return folded(table, cls.model_fields)


class HealthConfig(_Table):
    """What of the host is watched beside memory: how often (seconds), and from where on it is worth a warning."""

    enabled: bool = True
    interval: Annotated[float, BeforeValidator(_seconds), Field(ge=1, le=_DAY_S, allow_inf_nan=False)] = 60.0
    disk_free: Megabytes = 256
    disk_usage_percent: Percent | None = None
    cpu_percent: Percent | None = None
    load_per_cpu: Annotated[float, Field(gt=0, le=10000, allow_inf_nan=False)] | None = None


class LogConfig(_Table):
    """memguard's own log: from which level on, and as what."""

    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    format: Literal["human", "json"] = "human"


class LimitsConfig(_Table):
    """What the kernel refuses beyond: megabytes and seconds of processor time. None is set by default."""

    tool_memory: Annotated[Megabytes, Field(ge=16)] | None = None
    tool_cpu_time: CpuTime | None = None
    tool_nice: Annotated[int, Field(ge=0, le=19)] = 0
    session_memory: Annotated[Megabytes, Field(ge=512)] | None = None
    session_cpu_time: CpuTime | None = None


class ConfigTables(_Table):
    """Everything that can be set, platforms apart. `model_fields_set` of it and of its tables says what was."""

    mode: Literal["guard", "observe"] = "guard"
    client: Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_path)] | None = None
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
    plugins: PluginsConfig = PluginsConfig()
    degradation: DegradationConfig = DegradationConfig()
    health: HealthConfig = HealthConfig()
    log: LogConfig = LogConfig()
    limits: LimitsConfig = LimitsConfig()


class PlatformOverrides(_Table):
    """The same tables once more for one platform: what they set there goes before what is set for all."""

    # None and not empty tables: those would be copied, field by field, each time that anything is checked (0.6 ms).
    linux: ConfigTables | None = None
    darwin: ConfigTables | None = None
    windows: ConfigTables | None = None


class MemoryGuardianConfig(ConfigTables):
    """A whole configuration: the tables that count everywhere, and those that count on one platform."""

    platform: PlatformOverrides = PlatformOverrides()
