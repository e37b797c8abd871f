"""Each setting reaches the compiled file that hooks and watchdog go by."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memguard.config.compile import compile_project, compiled_pairs
from memguard.config.load import load_config
from memguard.config.settings_table import SETTINGS
from memguard.core.errors import ConfigError, StateError
from memguard.core.layout import opted_in_key, project_key, read_pairs, write_pairs
from memguard.core.settings import load_settings
from tests.unit.config.field_samples import sound, tables, toml

Write = Callable[[str], Path]
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
    "restart_policy.host_max_attempts": ("7", "host_max_attempts", 7),
    "restart_policy.attempt_window": ("2h", "attempt_window_s", 7200),
    "restart_policy.initial_cooldown": ("45", "initial_cooldown_s", 45),
    "restart_policy.max_cooldown": ("10m", "max_cooldown_s", 600),
    "restart_policy.cooldown_multiplier": ("1.5", "cooldown_multiplier", 1.5),
    "restart_policy.graceful_timeout": ("3", "graceful_timeout_s", 3),
    "restart_policy.force_kill_timeout": ("4", "force_kill_timeout_s", 4),
    "restart_policy.boundary_timeout": ("5", "boundary_timeout_s", 5),
    "restart_policy.typing_quiet": ("6", "typing_quiet_s", 6),
    "restart_policy.strategy": ("fresh", "restart_strategy", "fresh"),
    "monitoring.normal_interval": ("20", "normal_interval_s", 20),
    "monitoring.warning_interval": ("10", "warning_interval_s", 10),
    "monitoring.critical_interval": ("4", "critical_interval_s", 4),
    "monitoring.emergency_interval": ("0.5", "emergency_interval_s", 0.5),
    "privacy": ("exact", "privacy", "exact"),
    "snapshots.retention_days": ("3", "retention_days", 3),
    "snapshots.retention_count": ("30", "retention_count", 30),
    "snapshots.retention_size": ("3GB", "retention_bytes", 3 * 1024 * MB),
    "snapshots.redaction_rules": ("own", "redaction_rules", "own"),
    "host.budget": ("7GB", "host_budget_bytes", 7 * 1024 * MB),
    "host.budget_percent": ("50", "host_budget_bytes", LARGE // 2),
    "containment.mechanism": ("process-tree", "containment", "process-tree"),
    "containment.tool_oom_score_adj": ("700", "tool_oom_score_adj", 700),
    "watch.respawn_in_tmux": ("false", "respawn_in_tmux", 0),
    "watch.end_client": ("true", "end_client", 1),
    "handoff.summariser": ("brief", "summariser", "brief"),
    "health.enabled": ("false", "health", 0),
    "health.interval": ("2m", "health_interval_s", 120),
    "health.disk_free": ("1GB", "disk_free_bytes", 1024 * MB),
    "health.disk_usage_percent": ("90", "disk_usage_percent", 90),
    "health.cpu_percent": ("95.5", "cpu_percent", 95.5),
    "health.load_per_cpu": ("4", "load_per_cpu", 4),
    "log.level": ("debug", "log_level", "DEBUG"),
    "log.format": ("json", "log_format", "json"),
    "limits.tool_memory": ("3GB", "tool_memory_bytes", 3 * 1024 * MB),
    "limits.tool_cpu_time": ("10m", "tool_cpu_time_s", 600),
    "limits.tool_nice": ("5", "tool_nice", 5),
    "limits.session_memory": ("20GB", "session_memory_bytes", 20 * 1024 * MB),
    "limits.session_cpu_time": ("8h", "session_cpu_time_s", 28800),
    "degradation.enabled": ("false", "degradation", 0),
}


def test_every_setting_that_can_be_typed_is_in_the_list() -> None:
    lists = {key for key, setting in SETTINGS.items() if isinstance(setting.default, list | dict)}
    assert set(SETTINGS) - set(EFFECTS) - lists - {"plugins.timeout", "plugins.memory"} == set()


@pytest.mark.parametrize("key", list(SETTINGS))
def test_whatever_the_persons_file_sets_changes_what_is_compiled(project: Path, user_file: Write, key: str) -> None:
    def pairs(data: dict[str, Any]) -> dict[str, object]:
        user_file(toml(data))
        loaded = load_config(str(project), LARGE)
        assert loaded.faults == []
        return compiled_pairs(str(project), "/run/x", loaded)

    plugins = {"enabled": ["sample"]}  # of which alone the others of the table are
    changed = tables(key, sound(key))
    assert pairs({"plugins": plugins}) != pairs({"plugins": plugins} | changed | _plugins(plugins, changed))


def _plugins(common: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    return {"plugins": common | changed.get("plugins", {})}


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
    assert settings.tools == []
    assert settings.host_budget_bytes == LARGE * 85 // 100
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


def test_budgets_are_compiled_in_the_order_of_the_file(project: Path, person: Path, user_file: Write) -> None:
    user_file('[tools]\n"Bash(pytest*)" = "2GB"\ndefault = 512\n"Bash(a = b, ü)" = "1.5G"\n')
    path = compile_project(str(project), str(person / "state"), "/run/x", load_config(str(project), LARGE))
    found = [(budget.pattern, budget.size_bytes) for budget in load_settings(path).tools]
    assert found == [("Bash(pytest*)", 2048 * MB), ("default", 512 * MB), ("Bash(a = b, ü)", 1536 * MB)]


def test_the_most_and_longest_budgets_fit_into_what_is_read(project: Path, person: Path, user_file: Write) -> None:
    patterns = [f"Bash({number:03}{chr(0x10000) * 90}*)" for number in range(100)]
    assert {len(pattern) for pattern in patterns} == {100}
    user_file("[tools]\n" + "".join(f'"{pattern}" = "16TB"\n' for pattern in patterns))
    path = compile_project(str(project), str(person / "state"), "/run/x", load_config(str(project), LARGE))
    assert os.stat(path).st_size > 30_000
    assert [budget.pattern for budget in load_settings(path).tools] == patterns


def test_what_is_typed_for_this_command_reaches_the_settings(project: Path, person: Path) -> None:
    typed = {
        "MEMGUARD_HOST_BUDGET": "3GB", "MEMGUARD_CONTAINMENT": "cgroup", "MEMGUARD_TOOL_OOM_SCORE_ADJ": "0",
        "MEMGUARD_RESPAWN_IN_TMUX": "no", "MEMGUARD_END_CLIENT": "1",
    }  # fmt: skip
    loaded = load_config(str(project), LARGE, typed)
    settings = load_settings(compile_project(str(project), str(person / "state"), "/run/x", loaded))
    assert settings.host_budget_bytes == 3 * 1024 * MB
    assert (settings.containment, settings.tool_oom_score_adj) == ("cgroup", 0)
    assert (settings.respawn_in_tmux, settings.end_client) == (False, True)


def test_a_file_that_an_older_version_compiled_has_the_defaults(project: Path, person: Path) -> None:
    path = compile_project(str(project), str(person / "state"), "/run/x", load_config(str(project), LARGE))
    newer = (
        "host_budget_bytes",
        "containment",
        "tool_oom_score_adj",
        "respawn_in_tmux",
        "end_client",
        "restart_strategy",
    )
    write_pairs(path, {name: value for name, value in read_pairs(path).items() if name not in newer})
    settings = load_settings(path)
    assert (settings.tools, settings.host_budget_bytes, settings.containment) == ([], 0, "auto")
    assert (settings.tool_oom_score_adj, settings.respawn_in_tmux, settings.end_client) == (300, True, False)
    assert settings.restart.strategy == "auto"
