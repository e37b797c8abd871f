"""A project's file tightens or does nothing, for every setting, in both directions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.config.load import LoadedConfig, load_config
from memguard.config.settings_table import HIGHER, LOWER, NEVER, PERSON, SETTINGS
from memguard.config.settings_table import value_of as setting_value

Write = Callable[[str], Path]
GB = 1024**3
MB = 1024**2
LARGE = 64 * GB

NUMBERS = [key for key, setting in SETTINGS.items() if type(setting.default) in (int, float)]
SINGLE = [key for key in NUMBERS if not key.startswith("thresholds.")]


def toml(key: str, value: object) -> str:
    table, _, name = key.rpartition(".")
    text = f'"{value}"' if isinstance(value, str) else f"{value}"
    return (f"[{table}]\n" if table else "") + f"{name} = {text}\n"


def value_of(loaded: LoadedConfig, key: str) -> object:
    return setting_value(loaded.config, key)


def sizes(loaded: LoadedConfig) -> tuple[int, int, int]:
    limits = loaded.limits
    return limits.warning_bytes, limits.critical_bytes, limits.emergency_bytes


def changed(key: str, larger: bool) -> float:
    default = SETTINGS[key].default
    assert isinstance(default, int | float)
    kind = type(default)
    # emergency_interval has its floor as default: what is lower is tested on its own below.
    if not default:
        return kind(5) if larger else default
    return kind(default * 2) if larger else kind(max(default / 1.5, 1))


CASES = [(key, larger) for key in SINGLE for larger in (True, False) if changed(key, larger) != SETTINGS[key].default]


@pytest.mark.parametrize(("key", "larger"), CASES)
def test_a_single_value_counts_only_where_it_tightens(
    project: Path, project_file: Write, key: str, larger: bool
) -> None:
    setting, value = SETTINGS[key], changed(key, larger)
    project_file(toml(key, value))
    loaded = load_config(str(project), LARGE)
    tightens = setting.project == (HIGHER if larger else LOWER)
    assert value_of(loaded, key) == (value if tightens else setting.default)
    assert any(key in warning and ".memguard.toml" in warning for warning in loaded.warnings) != tightens


@pytest.mark.parametrize("key", [key for key in SETTINGS if key.startswith("thresholds.")])
@pytest.mark.parametrize("larger", [True, False])
def test_a_limit_counts_only_where_it_is_lower(project: Path, project_file: Write, key: str, larger: bool) -> None:
    # 20 GB: the defaults are the shares, so sizes and shares compare alike
    capacity, level = 20 * GB, key.partition(".")[2].removesuffix("_percent")
    before = load_config(str(project), capacity).limits
    share = getattr(before, f"{level}_bytes") / capacity * 100 * (1.1 if larger else 0.9)
    project_file(toml(key, share if key.endswith("percent") else int(share * capacity / 100 / 1024**2)))
    loaded = load_config(str(project), capacity)
    after = loaded.limits
    for name in ("warning_bytes", "critical_bytes", "emergency_bytes"):
        assert getattr(after, name) <= getattr(before, name)
    assert (getattr(after, f"{level}_bytes") < getattr(before, f"{level}_bytes")) != larger
    assert bool(loaded.warnings) == larger


def test_limits_that_follow_from_a_lower_critical_never_rise_above_the_defaults(
    project: Path, project_file: Write
) -> None:
    project_file('[thresholds]\ncritical = "14.9GB"\n')  # 120 % of it would be 17.9, 80 % is 11.9
    found = load_config(str(project), 20 * GB).limits  # defaults 10, 13, 15
    assert (found.warning_bytes, found.critical_bytes, found.emergency_bytes) == (10 * GB, 13 * GB, 15 * GB)


def test_what_the_person_set_stays_and_only_what_is_open_is_tightened(
    project: Path, project_file: Write, user_file: Write
) -> None:
    user_file('[thresholds]\ncritical = "8GB"\n')
    project_file('[thresholds]\nwarning = "2GB"\ncritical = "4GB"\n')
    loaded = load_config(str(project), LARGE)
    assert (loaded.limits.warning_bytes / GB, loaded.limits.critical_bytes / GB) == (2, 8)
    assert ".memguard.toml" in loaded.sources["thresholds.warning"]


def test_a_projects_limit_that_contradicts_the_persons_is_dropped_with_a_warning(
    project: Path, project_file: Write, user_file: Write
) -> None:
    user_file('[thresholds]\ncritical = "8GB"\n')
    project_file('[thresholds]\nemergency = "5GB"\n')
    loaded = load_config(str(project), LARGE)
    assert loaded.limits.emergency_bytes > 8 * GB
    assert any("thresholds are ignored" in warning for warning in loaded.warnings)


def test_what_the_person_types_later_is_never_held_up_by_the_projects_file(project: Path, project_file: Write) -> None:
    project_file(
        '[thresholds]\ncritical = "4GB"\n[monitoring]\nnormal_interval = 10\n[restart_policy]\ninitial_cooldown = 600\n'
    )
    overrides = {"warning": "6GB", "warning_interval": "12", "max_cooldown": "100"}
    loaded = load_config(str(project), LARGE, {}, overrides)
    assert loaded.limits.warning_bytes == 6 * GB
    assert loaded.limits.critical_bytes >= 6 * GB
    assert loaded.config.monitoring.warning_interval == 12
    assert loaded.config.restart_policy.initial_cooldown == 100


def test_a_longer_cool_down_takes_the_longest_one_with_it(project: Path, project_file: Write) -> None:
    project_file("[restart_policy]\ninitial_cooldown = 600\n")
    policy = load_config(str(project), LARGE).config.restart_policy
    assert (policy.initial_cooldown, policy.max_cooldown) == (600, 600)


@pytest.mark.parametrize("key", [key for key in NUMBERS if SETTINGS[key].least])
def test_a_project_cannot_go_below_the_floor(project: Path, project_file: Write, key: str) -> None:
    setting = SETTINGS[key]
    too_low = {"restart_policy": 0, "thresholds": 1}.get(key.partition(".")[0], 0.1)
    project_file(toml(key, too_low))
    loaded = load_config(str(project), LARGE)
    assert value_of(loaded, key) == setting.least
    assert any("the least that a project's file may set" in warning for warning in loaded.warnings)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mode", "observe"),
        ("client", "/tmp/evil"),
        ("host.budget", 100),
        ("privacy", "exact"),
        ("snapshots.redaction_rules", "own"),
        ("containment.mechanism", "process-tree"),
        ("watch.respawn_in_tmux", "false"),
        ("restart_policy.strategy", "fresh"),
        ("watch.end_client", "true"),
        ("handoff.summariser", "theirs"),
    ],
)
def test_a_project_switches_nothing_off_and_names_no_program(
    project: Path, project_file: Write, key: str, value: str
) -> None:
    project_file(toml(key, value).replace('"false"', "false").replace('"true"', "true"))
    loaded = load_config(str(project), LARGE)
    assert value_of(loaded, key) == SETTINGS[key].default
    assert SETTINGS[key].project in (PERSON, NEVER)
    assert any(f"{key} is ignored" in warning for warning in loaded.warnings)


def test_a_project_does_not_make_an_observer_act(project: Path, project_file: Write, user_file: Write) -> None:
    user_file('mode = "observe"\n')
    project_file('mode = "guard"\n')
    assert load_config(str(project), LARGE).config.mode == "observe"


LEAST = (512 * MB, 640 * MB, 768 * MB)
IDLE_LIMITS = [
    "critical = 2",
    "critical_percent = 0.001",
    "emergency = 2",
    "warning = 1\ncritical = 2\nemergency = 3",
    "critical = 2\nemergency_percent = 0.5",
]


@pytest.mark.parametrize("text", IDLE_LIMITS)
@pytest.mark.parametrize("table", ["thresholds", "platform.linux.thresholds"])
def test_no_limit_of_a_project_is_near_what_an_idle_client_holds(
    project: Path, project_file: Write, text: str, table: str
) -> None:
    path = project_file(f"[{table}]\n{text}\n[restart_policy]\nmax_attempts = 1\n")
    loaded = load_config(str(project), LARGE)
    for size_bytes, least_bytes in zip(sizes(loaded), LEAST, strict=True):
        assert least_bytes - 2 <= size_bytes <= least_bytes  # what follows is rounded
    assert len(loaded.warnings) == text.count("=")
    for line in loaded.warnings:
        assert line.startswith(f"{path}: ")
        assert line.endswith("MB, the least that a project's file may set")


def test_a_persons_own_limits_and_a_trusted_files_have_no_floor(
    project: Path, project_file: Write, user_file: Write, trust: Callable[[], None]
) -> None:
    project_file("[thresholds]\ncritical = 200\n")
    trust()
    assert sizes(load_config(str(project), LARGE)) == (160 * MB, 200 * MB, 240 * MB)
    project_file("[restart_policy]\nmax_attempts = 1\n")
    user_file("[thresholds]\ncritical = 100\n")
    assert sizes(load_config(str(project), LARGE)) == (80 * MB, 100 * MB, 120 * MB)


def test_where_less_holds_without_the_file_the_floor_raises_nothing(
    project: Path, project_file: Write, user_file: Write
) -> None:
    user_file("[thresholds]\ncritical = 300\n")
    before = sizes(load_config(str(project), LARGE))
    project_file("[thresholds]\nwarning = 1\n")
    loaded = load_config(str(project), LARGE)
    assert sizes(loaded) == before
    (line,) = loaded.warnings
    assert "warning = 1 MB counts as 240 MB, the least that a project's file may set" in line
    user_file("")
    project_file("[thresholds]\ncritical = 1\n")
    assert sizes(load_config(str(project), GB // 2)) == (GB // 4, int(GB / 2 * 0.65), GB // 8 * 3)
