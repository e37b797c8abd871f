"""The configuration classes: names and defaults of the specification, and what each field does."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

import pytest

from memguard import (
    MemoryGuardian,
    MemoryGuardianConfig,
    MemoryThresholds,
    MonitoringConfig,
    PlatformOverrides,
    RestartPolicy,
)
from memguard.config.model import MemoryGuardianConfig as FileModel
from memguard.core.errors import ConfigError
from memguard.host.capacity import capacity_bytes
from tests.sandbox import Sandbox

MB = 1048576
DEFAULTS: dict[type, dict[str, Any]] = {
    MemoryThresholds: {
        "warning": 12288, "critical": 15360, "emergency": 18432, "warning_percent": 50.0, "critical_percent": 65.0,
        "emergency_percent": 75.0,
    },
    RestartPolicy: {
        "max_attempts": 3, "attempt_window": 3600, "initial_cooldown": 30, "max_cooldown": 300,
        "cooldown_multiplier": 2.0, "graceful_timeout": 30, "force_kill_timeout": 10,
    },
    MemoryGuardianConfig: {
        "process_command": [], "process_args": [], "process_env": {}, "working_directory": None, "enabled": True,
        "auto_start": True, "persist_state": True, "state_file": None,
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", DEFAULTS)
def test_fields_and_defaults_are_those_of_the_specification(kind: type) -> None:
    made = kind()
    assert {name: getattr(made, name) for name in DEFAULTS[kind]} == DEFAULTS[kind]


def test_the_tables_are_fields_in_the_order_of_the_specification() -> None:
    names = [field.name for field in dataclasses.fields(MemoryGuardianConfig)]
    assert names[:4] == ["thresholds", "restart_policy", "monitoring", "platform_overrides"]
    assert isinstance(MemoryGuardianConfig().platform_overrides, PlatformOverrides)


@pytest.mark.parametrize("level", ["warning", "critical", "emergency"])
def test_a_threshold_in_megabytes_is_where_its_state_begins(level: str) -> None:
    sizes = {"warning": 100, "critical": 200, "emergency": 300} | {level: 210}
    sizes = dict(zip(sizes, sorted(sizes.values()), strict=True))
    guardian_limits = MemoryGuardianConfig(thresholds=MemoryThresholds(**sizes)).sound()[1]
    assert guardian_limits.limit_of(level.upper()) == sizes[level] * MB


@pytest.mark.parametrize("level", ["warning", "critical", "emergency"])
def test_a_percentage_is_where_its_state_begins(level: str) -> None:
    percents = {"warning_percent": 3.0, "critical_percent": 4.0, "emergency_percent": 5.0}
    limits = MemoryGuardianConfig.from_dict({"thresholds": percents}).sound()[1]
    assert limits.limit_of(level.upper()) == int(capacity_bytes() * percents[f"{level}_percent"] / 100)


def test_without_any_the_lower_of_size_and_share_counts() -> None:
    limits = MemoryGuardianConfig().sound()[1]
    assert limits.critical_bytes == min(15360 * MB, int(capacity_bytes() * 0.65))


@pytest.mark.parametrize("state", ["normal", "warning", "critical", "emergency"])
def test_each_state_has_its_interval(state: str) -> None:
    config = MonitoringConfig(40, 30, 20, 10)
    assert config.get_check_interval(state) == {"normal": 40, "warning": 30, "critical": 20, "emergency": 10}[state]
    assert config.get_check_interval("anything else") == 40


def test_the_cooldown_grows_by_the_multiplier_up_to_its_maximum() -> None:
    policy = RestartPolicy(initial_cooldown=10, cooldown_multiplier=3, max_cooldown=60)
    assert [policy.get_cooldown(attempts) for attempts in (0, 1, 2, 3)] == [0, 10, 30, 60]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_an_override_counts_on_its_platform_alone(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("memguard.library.guardian_config.capacity_bytes", lambda: 64 << 30)
    overrides = PlatformOverrides(
        linux={"thresholds": {"critical": 101}}, darwin={"thresholds": {"critical": 102}},
        windows={"thresholds": {"critical": 103}},
    )  # fmt: skip
    config = MemoryGuardianConfig(thresholds=MemoryThresholds(critical=100), platform_overrides=overrides)
    wanted = {"linux": 101, "darwin": 102, "win32": 103}[platform]
    assert config.sound()[1].critical_bytes == wanted * MB


POLICY = "MemoryGuardianConfig: restart_policy"
FAULTY: tuple[tuple[dict[str, Any], str], ...] = (
    ({"thresholds": {"warning": -1}}, "thresholds.warning = -1 must be at least 1 MB"),
    ({"thresholds": {"warning": 300, "critical": 200}}, "warning (300) is above critical"),
    ({"restart_policy": {"max_attempts": True}}, f"{POLICY}.max_attempts = true must be a whole number"),
    ({"restart_policy": {"cooldown_multiplier": 0}}, f"{POLICY}.cooldown_multiplier = 0 must be at least 1"),
    ({"monitoring": {"normal_interval": "x"}}, "is not a duration"),
    ({"platform_overrides": {"linux": {"treshold": {}}}}, "treshold"),
)


@pytest.mark.parametrize(("tables", "said"), FAULTY)
def test_a_fault_is_named_and_the_default_counts(tables: dict[str, Any], said: str) -> None:
    config = MemoryGuardianConfig.from_dict(tables)
    counting, _, problems = config.sound()
    assert any(said in problem for problem in problems), problems
    assert counting.restart_policy.max_attempts == 3
    with pytest.raises(ConfigError):
        config.to_file_model()


def test_it_comes_from_the_files_of_a_folder(machine: Sandbox) -> None:
    machine.config("[thresholds]\nwarning = 111\ncritical = 222\nemergency = 333\n[restart_policy]\nmax_attempts = 1\n")
    (machine.project / ".memguard.toml").write_text("[monitoring]\nnormal_interval = 7\n")
    config = MemoryGuardianConfig.from_files(process_command=["true"])
    assert (config.thresholds.warning, config.thresholds.critical, config.thresholds.emergency) == (111, 222, 333)
    assert config.restart_policy.max_attempts == 1
    assert config.monitoring.normal_interval == 7
    assert config.command == ["true"]


def test_it_goes_to_the_model_of_the_files_and_back() -> None:
    config = MemoryGuardianConfig(
        thresholds=MemoryThresholds(100, 200, 300), restart_policy=RestartPolicy(max_attempts=1, graceful_timeout=4)
    )
    model = config.to_file_model()
    assert isinstance(model, FileModel)
    assert (model.thresholds.critical, model.restart_policy.graceful_timeout) == (200, 4)
    assert MemoryGuardianConfig.from_file_model(model) == config


def test_it_survives_json_and_refuses_unknown_fields() -> None:
    config = MemoryGuardianConfig(process_env={"A": "b"}, platform_overrides=PlatformOverrides(linux={"mode": "guard"}))
    assert MemoryGuardianConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(ConfigError, match="proces_command"):
        MemoryGuardianConfig.from_dict({"proces_command": []})


@pytest.mark.usefixtures("machine")
def test_a_broken_configuration_is_no_reason_not_to_guard() -> None:
    """Configuration error: safe defaults."""
    broken = MemoryGuardianConfig(thresholds=MemoryThresholds(critical="lots"))  # type: ignore[arg-type]
    guardian = MemoryGuardian(broken)
    assert guardian.limits.critical_bytes == MemoryGuardianConfig().sound()[1].critical_bytes
    assert guardian.config_problems
