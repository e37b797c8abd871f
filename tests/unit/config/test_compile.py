"""Each setting reaches the compiled file that hooks and watchdog go by."""

import os
import sys
from pathlib import Path

import pytest

from memguard.config.compile import compile_project, compiled_pairs
from memguard.config.load import load_config
from memguard.config.settings_table import SETTINGS
from memguard.core.errors import ConfigError, StateError
from memguard.core.layout import opted_in_key, project_key, read_pairs
from memguard.core.settings import load_settings

LARGE = 64 * 1024**3
MB = 1024**2

# setting -> what is typed, and the pair that has to show it
EFFECTS: dict[str, tuple[str, str, object]] = {
    "mode": ("observe", "mode", "observe"),
    "client": ("/opt/claude", "client", "/opt/claude"),
    "thresholds.warning": ("1000", "warning_bytes", 1000 * MB),
    "thresholds.critical": ("14GB", "critical_bytes", 14 * 1024 * MB),
    "thresholds.emergency": ("17GB", "emergency_bytes", 17 * 1024 * MB),
    "thresholds.warning_percent": ("10", "warning_bytes", LARGE // 10),
    "thresholds.critical_percent": ("20", "critical_bytes", LARGE // 5),
    "thresholds.emergency_percent": ("25", "emergency_bytes", LARGE // 4),
    "restart_policy.max_attempts": ("5", "max_attempts", 5),
    "restart_policy.attempt_window": ("2h", "attempt_window_s", 7200),
    "restart_policy.initial_cooldown": ("45", "initial_cooldown_s", 45),
    "restart_policy.max_cooldown": ("10m", "max_cooldown_s", 600),
    "restart_policy.cooldown_multiplier": ("1.5", "cooldown_multiplier", 1.5),
    "restart_policy.graceful_timeout": ("3", "graceful_timeout_s", 3),
    "restart_policy.force_kill_timeout": ("4", "force_kill_timeout_s", 4),
    "restart_policy.boundary_timeout": ("5", "boundary_timeout_s", 5),
    "restart_policy.typing_quiet": ("6", "typing_quiet_s", 6),
    "monitoring.normal_interval": ("20", "normal_interval_s", 20),
    "monitoring.warning_interval": ("10", "warning_interval_s", 10),
    "monitoring.critical_interval": ("4", "critical_interval_s", 4),
    "monitoring.emergency_interval": ("0.5", "emergency_interval_s", 0.5),
    "snapshots.retention_days": ("3", "retention_days", 3),
}


def test_every_setting_is_in_the_list() -> None:
    assert set(EFFECTS) == set(SETTINGS)


@pytest.mark.parametrize("key", list(EFFECTS))
def test_a_setting_changes_what_is_compiled(project: Path, key: str) -> None:
    typed, pair, expected = EFFECTS[key]
    root = str(project)
    before = compiled_pairs(root, "/run/x", load_config(root, LARGE))
    after = compiled_pairs(root, "/run/x", load_config(root, LARGE, {}, {SETTINGS[key].name: typed}))
    assert before.get(pair) != expected
    assert after[pair] == expected


def test_a_compiled_project_is_opted_in_and_the_light_half_can_read_it(project: Path, person: Path) -> None:
    state = str(person / "state")
    path = compile_project(str(project), state, "/run/x", load_config(str(project), LARGE, {}, {"critical": "10GB"}))
    settings = load_settings(path)
    assert settings.thresholds.critical_bytes == 10 * 1024**3
    assert settings.python == os.path.abspath(sys.executable)
    assert settings.restart.cooldown_multiplier == 2.0
    assert settings.interval_s["EMERGENCY"] == 1.0
    assert read_pairs(path)["project"] == str(project)
    assert opted_in_key(str(project), state) == project_key(str(project))
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700


def test_a_path_that_cannot_stand_in_a_line_is_refused(project: Path, person: Path) -> None:
    loaded = load_config(str(project), LARGE)
    for root in ("/x/a\nwarning_bytes=1", "/x/\udcff"):
        with pytest.raises(ConfigError, match="line break or is not UTF-8"):
            compile_project(root, str(person / "state"), "/run/x", loaded)


def test_a_state_folder_that_cannot_be_written_is_a_clear_error(project: Path, person: Path) -> None:
    (person / "state").write_text("a file where the folder should be")
    with pytest.raises(StateError, match="can't be written"):
        compile_project(str(project), str(person / "state"), "/run/x", load_config(str(project), LARGE))
