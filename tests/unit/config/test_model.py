"""The models hold the seed's fields and defaults, and read sizes and durations as people write them."""

import pytest
from pydantic import ValidationError

from memguard.config.model import (
    MemoryGuardianConfig,
    MemoryThresholds,
    MonitoringConfig,
    RestartPolicy,
    SnapshotsConfig,
)

SEED = {
    "warning": 12288,
    "critical": 15360,
    "emergency": 18432,
    "warning_percent": 50.0,
    "critical_percent": 65.0,
    "emergency_percent": 75.0,
    "max_attempts": 3,
    "attempt_window": 3600,
    "initial_cooldown": 30,
    "max_cooldown": 300,
    "cooldown_multiplier": 2.0,
    "graceful_timeout": 30,
    "force_kill_timeout": 10,
    "boundary_timeout": 120,
    "typing_quiet": 30,
    "normal_interval": 30,
    "warning_interval": 15,
    "critical_interval": 5,
    "emergency_interval": 1,
    "retention_days": 7,
}


def test_defaults_are_those_of_the_seed() -> None:
    found: dict[str, object] = {}
    for table in (MemoryThresholds(), RestartPolicy(), MonitoringConfig(), SnapshotsConfig()):
        found |= table.model_dump()
    ours = {
        "host_max_attempts": 12,
        "retention_count": 200,
        "retention_size": 2048,
        "redaction_rules": "all",
    }  # the seed kept any number, as it is
    assert found == SEED | ours | {"strategy": "auto"}  # the seed knew one only
    assert (MemoryGuardianConfig().mode, MemoryGuardianConfig().client) == ("guard", None)


@pytest.mark.parametrize(
    ("written", "megabytes"),
    [(4096, 4096), ("4096", 4096), ("4GB", 4096), ("1.5G", 1536), (" 512 MiB ", 512), ("1TB", 1024 * 1024)],
)
def test_a_size_is_megabytes_or_text_with_a_unit(written: object, megabytes: int) -> None:
    assert MemoryThresholds.model_validate({"critical": written}).critical == megabytes


@pytest.mark.parametrize(
    "written", [0, -1, True, 1.5, "", "GB", "4XB", "-4GB", "100KB", "9" * 400 + "GB", "²GB", [], {}, 2**60]
)
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        MemoryThresholds.model_validate({"critical": written})


@pytest.mark.parametrize(
    ("written", "seconds"), [(90, 90), (0.5, 0.5), ("90", 90), ("30m", 1800), ("1h", 3600), (0, 0), ("0", 0)]
)
def test_a_duration_is_seconds_or_text_with_a_unit(written: object, seconds: float) -> None:
    assert RestartPolicy.model_validate({"graceful_timeout": written}).graceful_timeout == seconds


@pytest.mark.parametrize("written", [-1, True, float("nan"), float("inf"), "soon", "", "1w", "9" * 400, "2d", None])
def test_what_is_no_duration_in_range_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        RestartPolicy.model_validate({"graceful_timeout": written})


@pytest.mark.parametrize(
    "data",
    [
        {"thresholds": {"warning": 5000, "critical": 4000}},
        {"thresholds": {"critical": 5000, "emergency": 4000}},
        {"thresholds": {"warning": 5000, "emergency": 4000}},
        {"thresholds": {"warning_percent": 70, "critical_percent": 60}},
        {"restart_policy": {"initial_cooldown": 60, "max_cooldown": 30}},
        {"monitoring": {"normal_interval": 5, "critical_interval": 6}},
    ],
)
def test_values_of_one_source_that_contradict_each_other_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="is above"):
        MemoryGuardianConfig.model_validate(data)


def test_one_value_may_pass_the_default_of_another() -> None:
    assert MemoryThresholds(critical=4000).model_fields_set == {"critical"}
