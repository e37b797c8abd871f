"""The configuration of a guardian in a program: dataclasses, with the same values and checks as the files have.

Sizes are whole megabytes, times seconds. What is a default counts as not said: limits then follow the machine's
memory, as in the files.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from memguard.config.layer import Layer, checked_layer
from memguard.config.load import LoadedConfig, combined, load_config
from memguard.config.model import MemoryGuardianConfig as FileModel
from memguard.core.errors import ConfigError, HostError
from memguard.core.layout import project_root
from memguard.core.settings import RestartLimits
from memguard.core.thresholds import Thresholds
from memguard.host.capacity import capacity_bytes

Table = TypeVar("Table")
_SOURCE = "MemoryGuardianConfig"


@dataclass
class MemoryThresholds:
    """The limits in megabytes; where they are not set, the percentages of the machine's memory, if these are lower."""

    warning: int = 12288
    critical: int = 15360
    emergency: int = 18432
    warning_percent: float = 50.0
    critical_percent: float = 65.0
    emergency_percent: float = 75.0


@dataclass
class RestartPolicy:
    """How often the process may be restarted, and how long its end may take."""

    max_attempts: int = 3
    attempt_window: int = 3600
    initial_cooldown: int = 30
    max_cooldown: int = 300
    cooldown_multiplier: float = 2.0
    graceful_timeout: int = 30
    force_kill_timeout: int = 10
    host_max_attempts: int = 12

    def get_cooldown(self, attempts: int) -> float:
        """Seconds to wait after the n-th attempt: `initial_cooldown * cooldown_multiplier ** (n - 1)`, bounded."""
        if attempts < 1:
            return 0.0
        grown_s = self.initial_cooldown * self.cooldown_multiplier ** min(attempts - 1, 100)
        return float(min(grown_s, self.max_cooldown))

    def limits(self) -> RestartLimits:
        """As the engine takes them."""
        pairs = {name: str(value) for name, value in dataclasses.asdict(self).items() if name.endswith("attempts")}
        pairs |= {f"{name}_s": str(value) for name, value in dataclasses.asdict(self).items() if name not in pairs}
        pairs["cooldown_multiplier"] = str(self.cooldown_multiplier)
        return RestartLimits(pairs | {"boundary_timeout_s": "0", "typing_quiet_s": "0"})


@dataclass
class MonitoringConfig:
    """The longest time between two readings in each state. Readings come sooner where something grows."""

    normal_interval: float = 30.0
    warning_interval: float = 15.0
    critical_interval: float = 5.0
    emergency_interval: float = 1.0

    def get_check_interval(self, state: str) -> float:
        """Of a state's value, such as `warning`; that of `normal` for anything else."""
        return float(getattr(self, f"{state}_interval", self.normal_interval))


@dataclass
class PlatformOverrides:
    """For each platform, tables as in a file (`{"thresholds": {"critical": 4096}}`) that go before the rest there."""

    linux: dict[str, Any] = field(default_factory=dict)
    darwin: dict[str, Any] = field(default_factory=dict)
    windows: dict[str, Any] = field(default_factory=dict)


@dataclass
class MemoryGuardianConfig:
    """Everything that a guardian goes by.

    `process_command` and `process_args` are the command line, `process_env` is added to this process's variables,
    `working_directory` is where it runs (None: here). `enabled` off: nothing is watched. `auto_start`: entering the
    guardian as a context starts the command. `persist_state`: a snapshot is taken before a restart, and statistics
    outlive this process, in `state_file` (None: a file in memguard's state folder).
    """

    thresholds: MemoryThresholds = field(default_factory=MemoryThresholds)
    restart_policy: RestartPolicy = field(default_factory=RestartPolicy)
    monitoring: MonitoringConfig = field(default_factory=MonitoringConfig)
    platform_overrides: PlatformOverrides = field(default_factory=PlatformOverrides)
    process_command: list[str] = field(default_factory=list)
    process_args: list[str] = field(default_factory=list)
    process_env: dict[str, str] = field(default_factory=dict)
    working_directory: str | None = None
    enabled: bool = True
    auto_start: bool = True
    persist_state: bool = True
    state_file: str | None = None

    @property
    def command(self) -> list[str]:
        """The whole command line; empty where there is none."""
        return [*self.process_command, *self.process_args] if self.process_command else []

    @property
    def directory(self) -> str:
        """Where the command runs."""
        return os.path.abspath(self.working_directory or os.getcwd())

    def tables(self) -> dict[str, Any]:
        """What differs from the defaults, as the tables of a configuration file."""
        found: dict[str, Any] = {
            name: _changed(getattr(self, name)) for name in ("thresholds", "restart_policy", "monitoring")
        }
        found["platform"] = _changed(self.platform_overrides)
        return {name: table for name, table in found.items() if table}

    def to_file_model(self) -> FileModel:
        """As `memguard.config` checks files. Raises ConfigError for a value that it refuses."""
        layer = self._layer()
        if layer.problems:
            raise ConfigError(layer.fault_line, "docs/configuration.md lists every setting")
        return self.loaded().config

    def loaded(self) -> LoadedConfig:
        """Every value as it counts on this machine. A fault costs that value, and is a line in `lines`."""
        return combined(Layer(""), self._layer(), [], _capacity())

    def sound(self) -> tuple[MemoryGuardianConfig, Thresholds, list[str]]:
        """The same with each value as it counts here, the limits in bytes, and a line for each fault."""
        loaded = self.loaded()
        model = loaded.config
        counting = dataclasses.replace(
            self,
            thresholds=_table(MemoryThresholds, model.thresholds),
            restart_policy=_table(RestartPolicy, model.restart_policy),
            monitoring=_table(MonitoringConfig, model.monitoring),
        )
        return counting, loaded.limits, loaded.faults

    def _layer(self) -> Layer:
        return checked_layer(_SOURCE, self.tables())

    @classmethod
    def from_file_model(cls, model: FileModel, **more: Any) -> MemoryGuardianConfig:
        """From the model of the files; `more` are the fields that no file has."""
        return cls(
            _table(MemoryThresholds, model.thresholds),
            _table(RestartPolicy, model.restart_policy),
            _table(MonitoringConfig, model.monitoring),
            **more,
        )

    @classmethod
    def from_files(cls, directory: str | None = None, **more: Any) -> MemoryGuardianConfig:
        """As the person's and the project's files say for a folder; faults in them cost the value only."""
        loaded = load_config(project_root(directory or os.getcwd()), _capacity(), os.environ)
        return cls.from_file_model(loaded.config, **more)

    def to_dict(self) -> dict[str, Any]:
        """All fields, nested as they are; what JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MemoryGuardianConfig:
        """What `to_dict` gave. Raises ConfigError for a field that isn't known."""
        values = dict(data)
        try:
            for name, kind in _TABLES.items():
                if name in values:
                    values[name] = kind(**values[name])
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"not a guardian's configuration: {error}", "see docs/library.md") from None


_TABLES: dict[str, Any] = {
    "thresholds": MemoryThresholds, "restart_policy": RestartPolicy, "monitoring": MonitoringConfig,
    "platform_overrides": PlatformOverrides,
}  # fmt: skip


def _changed(table: Any) -> dict[str, Any]:
    default = type(table)()
    names = [each.name for each in dataclasses.fields(table)]
    return {name: getattr(table, name) for name in names if getattr(table, name) != getattr(default, name)}


def _table(kind: type[Table], model: object) -> Table:
    names = [each.name for each in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: getattr(model, name) for name in names})


def _capacity() -> int:
    try:
        return capacity_bytes()
    except HostError:
        return 0  # unknown: percentages then say nothing
