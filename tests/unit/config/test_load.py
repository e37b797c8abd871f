"""Precedence, the limits, and the source of each value, from real files."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.config.load import LoadedConfig, load_config
from memguard.config.settings_table import SETTINGS
from memguard.core.errors import TypedConfigError

Write = Callable[[str], Path]
GB = 1024**3
LARGE = 64 * GB


def limits(loaded: LoadedConfig) -> tuple[float, float, float]:
    found = loaded.limits
    return (found.warning_bytes / GB, found.critical_bytes / GB, found.emergency_bytes / GB)


def test_nothing_set_means_the_lower_of_sizes_and_shares(project: Path) -> None:
    assert limits(load_config(str(project), LARGE)) == (12, 15, 18)
    assert limits(load_config(str(project), 20 * GB)) == (10, 13, 15)
    assert limits(load_config(str(project), 0)) == (12, 15, 18)  # capacity unknown
    loaded = load_config(str(project), 24 * GB)
    assert limits(loaded) == (12, 15, 18)
    assert loaded.warnings == []
    assert set(loaded.sources) == set(SETTINGS)


def test_critical_alone_brings_80_and_120_percent(project: Path, user_file: Write) -> None:
    user_file("[thresholds]\ncritical = 10240\n")
    loaded = load_config(str(project), LARGE)
    assert limits(loaded) == (8, 10, 12)
    assert "80 % of critical" in loaded.sources["thresholds.warning"]
    assert "config.toml" in loaded.sources["thresholds.critical"]


def test_a_named_value_is_not_derived(project: Path, user_file: Write) -> None:
    user_file('[thresholds]\ncritical = "10GB"\nwarning = "1GB"\n')
    assert limits(load_config(str(project), LARGE)) == (1, 10, 12)


def test_what_the_person_set_wins_over_the_share_of_a_small_machine(project: Path, user_file: Write) -> None:
    user_file('[thresholds]\ncritical = "10GB"\n')
    loaded = load_config(str(project), 8 * GB)
    assert limits(loaded)[1] == 10
    assert any("above this machine's 8.0 GB" in warning for warning in loaded.warnings)


def test_a_size_beats_a_share_in_one_place_and_the_later_place_beats_both(project: Path, user_file: Write) -> None:
    user_file('[thresholds]\ncritical = "10GB"\ncritical_percent = 10\n')
    assert limits(load_config(str(project), LARGE))[1] == 10
    assert limits(load_config(str(project), 100 * GB, {"MEMGUARD_CRITICAL_PERCENT": "5"})) == (4, 5, 6)


def test_defaults_move_out_of_the_way_of_what_the_person_set(project: Path, user_file: Write) -> None:
    user_file('[thresholds]\nwarning = "20GB"\n')
    assert limits(load_config(str(project), LARGE)) == (20, 25, 30)
    user_file('[thresholds]\nemergency = "6GB"\n')
    assert limits(load_config(str(project), LARGE)) == (4, 5, 6)


def test_each_place_wins_over_the_one_before(project: Path, project_file: Write, user_file: Write) -> None:
    root = str(project)
    project_file("[restart_policy]\nmax_attempts = 1\n[thresholds]\ncritical = 5120\n")
    assert load_config(root, LARGE).config.restart_policy.max_attempts == 1
    assert limits(load_config(root, LARGE)) == (4, 5, 6)
    user_file("[restart_policy]\nmax_attempts = 5\n[thresholds]\ncritical = 10240\n")
    assert load_config(root, LARGE).config.restart_policy.max_attempts == 5
    assert limits(load_config(root, LARGE)) == (8, 10, 12)
    typed = {"MEMGUARD_MAX_ATTEMPTS": "6", "MEMGUARD_CRITICAL": "20GB", "MEMGUARD_WARNING": ""}
    loaded = load_config(root, LARGE, typed)
    assert loaded.config.restart_policy.max_attempts == 6
    assert limits(loaded) == (16, 20, 24)
    assert loaded.sources["restart_policy.max_attempts"] == "MEMGUARD_MAX_ATTEMPTS"
    loaded = load_config(root, LARGE, typed, {"max_attempts": "7", "critical": "30720", "warning": None})
    assert loaded.config.restart_policy.max_attempts == 7
    assert limits(loaded) == (24, 30, 36)
    assert loaded.sources["thresholds.critical"] == "--critical"


def test_variables_count_only_where_they_are_handed_in(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMGUARD_MODE", "observe")
    assert load_config(str(project), LARGE).config.mode == "guard"


def test_a_mistyped_variable_is_pointed_out_and_one_of_another_program_is_not(project: Path) -> None:
    loaded = load_config(str(project), LARGE, {"MEMGUARD_CRITICL": "1", "MEMGUARD_E2E_SOMETHING": "1"})
    assert loaded.warnings == ["environment: MEMGUARD_CRITICL is not a setting; did you mean MEMGUARD_CRITICAL?"]


def test_the_client_is_taken_from_the_person_only(project: Path, project_file: Write, user_file: Write) -> None:
    project_file('client = "/tmp/evil"\n')
    loaded = load_config(str(project), LARGE, {"MEMGUARD_CLIENT": "/tmp/evil"})
    assert loaded.config.client is None
    assert any("client is ignored" in warning for warning in loaded.warnings)
    user_file('client = "/opt/claude"\n')
    assert load_config(str(project), LARGE).config.client == "/opt/claude"
    assert load_config(str(project), LARGE, {}, {"client": "/x/claude"}).config.client == "/x/claude"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[thresholds]\nwarnig = 3\n", 'warnig is not a setting; did you mean "warning"?'),
        ('[thresholds]\nwarning = "9GB"\ncritical = "8GB"\n', r"warning \(9216\) is above critical \(8192\)"),
        ("a = \n[", "not valid TOML.*line 1"),
    ],
)
def test_a_fault_in_the_persons_own_file_is_one_line_and_the_defaults_count(
    project: Path, user_file: Write, text: str, words: str
) -> None:
    path = user_file(text)
    loaded = load_config(str(project), LARGE)
    assert limits(loaded) == (12, 15, 18)
    (line,) = loaded.lines
    assert re.search(words, line)
    assert str(path) in line
    assert line.endswith("; the defaults count")
    assert line.isprintable()


def test_what_is_sound_in_the_persons_file_counts_beside_its_faults(project: Path, user_file: Write) -> None:
    user_file('mode = "observe"\nfoo = 1\n[thresholds]\ncritical = "big"\n[restart_policy]\nmax_attempts = 1\n')
    loaded = load_config(str(project), LARGE)
    assert (loaded.config.mode, loaded.config.restart_policy.max_attempts) == ("observe", 1)
    assert len(loaded.faults) == 2
    (line,) = loaded.lines
    assert line.endswith("(and 1 more: `memguard config check` lists all); the rest of it counts")


def test_limits_of_one_file_that_only_contradict_each_other_here_are_left_out(project: Path, user_file: Write) -> None:
    user_file('mode = "observe"\n[thresholds]\nwarning = "9GB"\ncritical_percent = 50\n')
    assert limits(load_config(str(project), 32 * GB)) == pytest.approx((9, 16, 19.2))
    loaded = load_config(str(project), 16 * GB)  # 50 % of it are 8 GB
    assert limits(loaded) == pytest.approx((8, 10.4, 12))
    assert loaded.config.mode == "observe"
    assert ["warning (9.0 GB" in line and "is above critical (8.0 GB" in line for line in loaded.lines] == [True]


def test_two_places_of_the_person_that_contradict_each_other_are_an_error(project: Path, user_file: Write) -> None:
    user_file('[thresholds]\ncritical = "8GB"\n[restart_policy]\nmax_cooldown = 60\n')
    with pytest.raises(
        TypedConfigError, match=r"critical \(8.0 GB, .*config.toml\) is above emergency \(7.0 GB, --emergency\)"
    ):
        load_config(str(project), LARGE, {}, {"emergency": "7GB"})
    with pytest.raises(
        TypedConfigError, match=r"initial_cooldown \(90 s, MEMGUARD_INITIAL_COOLDOWN\) is above .*max_cooldown"
    ):
        load_config(str(project), LARGE, {"MEMGUARD_INITIAL_COOLDOWN": "90"})


@pytest.mark.parametrize(
    ("name", "text"), [("MEMGUARD_CRITICAL", "big"), ("MEMGUARD_MAX_ATTEMPTS", "1.5"), ("MEMGUARD_MODE", "x")]
)
def test_a_fault_in_a_variable_is_an_error_that_names_it(project: Path, name: str, text: str) -> None:
    with pytest.raises(TypedConfigError, match=name):
        load_config(str(project), LARGE, {name: text})


def test_intervals_and_cool_downs_give_way_like_limits(project: Path, user_file: Write) -> None:
    user_file("[monitoring]\nnormal_interval = 10\n[restart_policy]\ninitial_cooldown = 600\n")
    config = load_config(str(project), LARGE).config
    assert (config.monitoring.warning_interval, config.monitoring.critical_interval) == (10, 5)
    assert config.restart_policy.max_cooldown == 600


def test_a_limit_below_an_idle_client_is_warned_of(project: Path, user_file: Write) -> None:
    user_file("[thresholds]\ncritical = 100\n")
    assert any("below what an idle client holds" in line for line in load_config(str(project), LARGE).warnings)
