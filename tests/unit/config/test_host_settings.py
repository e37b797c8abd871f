"""`[health]`, `[log]` and `[limits]`: what reaches hooks and watchdog, and what a project's file may do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memguard.config.compile import compile_project, compiled_pairs
from memguard.config.load import load_config
from memguard.config.settings_table import SETTINGS, value_of
from memguard.core.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str], Path]

MB = 1024**2
LARGE = 64 * 1024**3
OFF_BY_DEFAULT = [
    ("limits.tool_memory", 4096, 64), ("limits.tool_cpu_time", 600, 60), ("limits.session_memory", 9000, 2048),
    ("limits.session_cpu_time", 7200, 3600),
]  # fmt: skip


def test_nothing_set_limits_nothing_and_compiles_no_pair_for_it(project: Path) -> None:
    pairs = compiled_pairs(str(project), "/run/x", load_config(str(project), LARGE))
    assert not [name for name in pairs if name.startswith(("tool_memory", "tool_cpu", "tool_nice", "session_"))]


def test_settings_of_the_light_half_are_the_files(project: Path, person: Path, user_file: Write) -> None:
    user_file(
        '[health]\ninterval = "5m"\ndisk_free = "1GB"\ncpu_percent = 90\nload_per_cpu = 3.5\n'
        '[log]\nlevel = "debug"\nformat = "json"\n'
        '[limits]\ntool_memory = "2GB"\ntool_cpu_time = "10m"\ntool_nice = 7\n'
        'session_memory = "9GB"\nsession_cpu_time = "2h"\n'
    )
    loaded = load_config(str(project), LARGE)
    settings = load_settings(compile_project(str(project), str(person / "state"), "/run/x", loaded))
    health, limits = settings.health, settings.limits
    assert health is not None
    assert limits is not None
    assert (health.interval_s, health.limits.disk_free_bytes) == (300.0, 1024 * MB)
    assert (health.limits.cpu_percent, health.limits.load_per_cpu, health.limits.disk_usage_percent) == (90.0, 3.5, 0.0)
    assert (settings.log_level, settings.log_format) == ("DEBUG", "json")
    assert (limits.tool_memory_bytes, limits.tool_cpu_time_s, limits.tool_nice) == (2048 * MB, 600, 7)
    assert (limits.session_memory_bytes, limits.session_cpu_time_s) == (9 * 1024 * MB, 7200)


def test_a_file_of_an_older_version_watches_as_by_default_and_limits_nothing(project: Path, person: Path) -> None:
    path = compile_project(str(project), str(person / "state"), "/run/x", load_config(str(project), LARGE))
    new = ("health", "disk_free_bytes", "log_")
    with open(path, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith(new)]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)
    settings = load_settings(path)
    assert settings.health is not None
    assert settings.health.interval_s == SETTINGS["health.interval"].default
    assert settings.health.limits.disk_free_bytes == 256 * MB
    assert settings.limits is None
    assert settings.log_level == "INFO"


def test_health_that_is_off_is_not_watched(project: Path, person: Path, user_file: Write) -> None:
    user_file("[health]\nenabled = false\n")
    loaded = load_config(str(project), LARGE)
    assert load_settings(compile_project(str(project), str(person / "state"), "/run/x", loaded)).health is None


@pytest.mark.parametrize(("key", "value", "least"), OFF_BY_DEFAULT)
def test_a_projects_file_may_set_a_limit_where_there_is_none_but_not_below_the_floor(
    project: Path, project_file: Write, key: str, value: int, least: int
) -> None:
    project_file(f"{key} = {value}\n")
    loaded = load_config(str(project), LARGE)
    assert value_of(loaded.config, key) == value
    assert loaded.warnings == []
    project_file(f"{key} = {least - 1 if least > 512 else 17}\n")
    loaded = load_config(str(project), LARGE)
    assert value_of(loaded.config, key) == least
    assert any("the least that a project's file may set" in line for line in loaded.warnings)


@pytest.mark.parametrize("case", OFF_BY_DEFAULT)
def test_a_projects_file_cannot_raise_a_limit_of_the_persons(
    project: Path, project_file: Write, user_file: Write, case: tuple[str, int, int]
) -> None:
    key, value, least = case
    user_file(f"{key} = {least}\n")
    project_file(f"{key} = {value}\n")
    assert value_of(load_config(str(project), LARGE).config, key) == least


def test_no_projects_file_silences_or_floods_the_log(
    project: Path, project_file: Write, trust: Callable[[], None]
) -> None:
    project_file('[log]\nlevel = "critical"\nformat = "json"\n')
    trust()
    loaded = load_config(str(project), LARGE)
    assert (loaded.config.log.level, loaded.config.log.format) == ("info", "human")
    assert len([line for line in loaded.warnings if "only your own configuration" in line]) == 2
