"""A project's file that the person trusts: what it may do then, and how that ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memguard.config.asking import Request, requests
from memguard.config.load import load_config
from memguard.config.sources import project_layer, project_layers, user_layers
from memguard.config.trust import forget_trust, record_trust, with_trust
from memguard.core.errors import StateError
from memguard.core.layout import project_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str], Path]
    Trust = Callable[[], None]

GB = 1024**3
LARGE = 64 * GB
LOOSE = '[restart_policy]\nmax_attempts = 9\n[thresholds]\ncritical = "40GB"\n[tools]\nBash = "9GB"\nRead = 1\n'


@pytest.fixture
def record(person: Path, project: Path) -> Path:
    """Where the person's trust in this project is written down."""
    return person / "state" / "memguard" / project_key(str(project)) / "trust"


def test_a_trusted_file_loosens_limits_restarts_and_budgets(
    project: Path, project_file: Write, trust: Trust, record: Path
) -> None:
    path = project_file(LOOSE)
    trust()
    loaded = load_config(str(project), LARGE)
    sizes = (loaded.limits.warning_bytes, loaded.limits.critical_bytes, loaded.limits.emergency_bytes)
    assert [size / GB for size in sizes] == [32, 40, 48]
    assert loaded.config.restart_policy.max_attempts == 9
    assert loaded.config.tools == {"Bash": 9216, "Read": 1}  # below the least that a stranger's file may set
    assert loaded.lines == []
    for key in ("thresholds.critical", "restart_policy.max_attempts", "tools.Bash"):
        assert loaded.sources[key] == f"trusted project file {path}"
    assert record.stat().st_mode & 0o777 == 0o600
    assert record.parent.stat().st_mode & 0o777 == 0o700


def test_what_the_person_set_wins_over_a_trusted_file(
    project: Path, project_file: Write, user_file: Write, trust: Trust
) -> None:
    user_file('[restart_policy]\nmax_attempts = 2\n[thresholds]\ncritical = "8GB"\n[tools]\nBash = "1GB"\n')
    project_file(LOOSE)
    trust()
    loaded = load_config(str(project), LARGE)
    assert loaded.config.restart_policy.max_attempts == 2
    assert loaded.limits.critical_bytes == 8 * GB
    assert loaded.config.tools == {"Bash": 1024, "Read": 1}


@pytest.mark.parametrize(
    "change", [lambda data: data + b"\n", lambda data: data[:-1], lambda data: data.replace(b"9", b"8")]
)
def test_one_byte_ends_it_for_good_and_one_line_says_so(
    project: Path, project_file: Write, trust: Trust, record: Path, change: Callable[[bytes], bytes]
) -> None:
    path = project_file(LOOSE)
    trust()
    before = path.read_bytes()
    path.write_bytes(change(before))
    loaded = load_config(str(project), LARGE)
    assert loaded.config.restart_policy.max_attempts == 3
    assert loaded.lines[0] == f"{path} was trusted, and has changed since: it may only tighten again"
    assert not record.exists()
    path.write_bytes(before)
    loaded = load_config(str(project), LARGE)
    assert loaded.config.restart_policy.max_attempts == 3
    assert not any("was trusted" in line for line in loaded.lines)


def test_a_file_that_is_gone_or_broken_or_of_another_format_is_not_the_trusted_one(
    project: Path, project_file: Write, trust: Trust
) -> None:
    def replace_by_yaml(path: Path) -> None:
        path.rename(path.with_suffix(".yaml"))

    for change in (os.remove, lambda path: path.write_text("[[["), replace_by_yaml):
        path = project_file(LOOSE)
        trust()
        change(path)
        loaded = load_config(str(project), LARGE)
        assert loaded.config.restart_policy.max_attempts == 3
        assert f"{path} was trusted" in loaded.lines[0]


def test_the_same_bytes_in_another_project_are_not_trusted(project_file: Write, trust: Trust, tmp_path: Path) -> None:
    path = project_file(LOOSE)
    trust()
    other = tmp_path / "other"
    other.mkdir()
    (other / ".memguard.toml").write_bytes(path.read_bytes())
    assert load_config(str(other), LARGE).config.restart_policy.max_attempts == 3


def test_forgetting_says_whether_there_was_anything(project: Path, project_file: Write, trust: Trust) -> None:
    project_file(LOOSE)
    assert not forget_trust(str(project))
    trust()
    assert forget_trust(str(project))
    assert not with_trust(str(project), project_layer(str(project)))[0].is_trusted


def test_looking_makes_no_folder(project: Path, project_file: Write, person: Path) -> None:
    project_file(LOOSE)
    load_config(str(project), LARGE)
    assert not (person / "state").exists()


def test_a_state_folder_that_others_may_write_to_makes_nobody_trusted(
    project: Path, project_file: Write, trust: Trust, record: Path
) -> None:
    project_file(LOOSE)
    trust()
    record.parents[1].chmod(0o777)
    assert load_config(str(project), LARGE).config.restart_policy.max_attempts == 3


@pytest.mark.parametrize("text", ["", "path=\nsha256=\n", "\0" * 5000, "sha256", "path={path}\nsha256={short}\n"])
def test_a_spoilt_record_trusts_nothing(
    project: Path, project_file: Write, trust: Trust, record: Path, text: str
) -> None:
    path = project_file(LOOSE)
    trust()
    short = project_layer(str(project)).sha256[:-1]
    record.write_text(text.format(path=path, short=short))
    assert load_config(str(project), LARGE).config.restart_policy.max_attempts == 3


def test_a_state_folder_that_cannot_be_written_is_a_clear_error(
    project: Path, project_file: Write, person: Path
) -> None:
    project_file(LOOSE)
    (person / "state").write_text("a file where the folder should be")
    with pytest.raises(StateError):
        record_trust(str(project), project_layer(str(project)))


def test_what_it_asks_for_is_what_trust_would_change(project: Path, project_file: Write, user_file: Write) -> None:
    user_file("[monitoring]\nnormal_interval = 10\n")
    project_file(
        'client = "/opt/theirs"\n[restart_policy]\nmax_attempts = 9\ninitial_cooldown = 60\n[monitoring]\n'
        'normal_interval = 60\n[tools]\nBash = "1GB"\nRead = 5\n[host]\nbudget = 100\n'
    )
    asked, ignored = requests(project_layers(str(project)), user_layers(), LARGE)
    assert asked == [
        Request("client", None, "/opt/theirs"),
        Request("restart_policy.max_attempts", 3, 9),
        Request("tools.Read", 64, 5),
        Request("monitoring.normal_interval", 10, 60, is_overridden=True),
    ]
    (line,) = ignored
    assert "host.budget is ignored: only your own configuration sets it, whatever you trust" in line


def test_a_file_that_only_tightens_asks_for_nothing(project: Path, project_file: Write) -> None:
    project_file('[restart_policy]\nmax_attempts = 1\n[thresholds]\ncritical = "4GB"\n[tools]\nBash = "1GB"\n')
    assert requests(project_layers(str(project)), user_layers(), LARGE) == ([], [])


def test_what_the_person_overrides_is_asked_for_since_it_counts_once_their_line_is_gone(
    project: Path, project_file: Write, user_file: Write, trust: Trust
) -> None:
    user_file(
        'client = "/mine"\n[thresholds]\ncritical = "8GB"\n[restart_policy]\nmax_attempts = 9\n'
        '[tools]\ndefault = "1GB"\nBash = "2GB"\n"Bash(make*)" = "3GB"\n'
    )
    project_file(f'client = "/opt/theirs"\n{LOOSE}"Bash(make*)" = "4GB"\n'.replace("Read = 1", ""))
    asked, _ = requests(project_layers(str(project)), user_layers(), LARGE)
    assert [(request.key, request.now, request.then) for request in asked if request.is_overridden] == [
        ("client", "/mine", "/opt/theirs"),
        ("thresholds.warning", 6553, 32 * 1024),
        ("thresholds.critical", 8192, 40 * 1024),
        ("thresholds.emergency", 9830, 48 * 1024),
        ("restart_policy.max_attempts", 9, 9),
        ("tools.Bash", 2048, 9216),
        ("tools.Bash(make*)", 3072, 4096),
    ]
    trust()
    user_file("")
    loaded = load_config(str(project), LARGE)
    assert (loaded.config.client, loaded.config.restart_policy.max_attempts) == ("/opt/theirs", 9)


def test_what_is_for_another_platform_is_asked_for_with_its_table(
    project: Path, project_file: Write, user_file: Write
) -> None:
    user_file('[platform.windows]\nclient = "mine"\n')
    project_file(
        "[restart_policy]\nmax_attempts = 50\n[platform.linux.restart_policy]\nmax_attempts = 4\n"
        '[platform.darwin]\nclient = "/opt/theirs"\n[platform.darwin.restart_policy]\nmax_attempts = 60\n'
        '[platform.windows]\nclient = "theirs"\n[platform.windows.monitoring]\nnormal_interval = 5\n'
    )
    asked, _ = requests(project_layers(str(project)), user_layers(), LARGE)
    attempts = "restart_policy.max_attempts"
    assert asked == [
        Request(attempts, 3, 4),
        Request("client", None, "/opt/theirs", place="[platform.darwin]"),
        Request(attempts, 3, 60, place="[platform.darwin]"),
        Request("client", "mine", "theirs", is_overridden=True, place="[platform.windows]"),
        Request(attempts, 3, 50, place="[other platforms]"),
    ]


def test_what_counts_on_every_platform_is_asked_for_once(project: Path, project_file: Write) -> None:
    project_file("[restart_policy]\nmax_attempts = 9\n[platform.darwin.restart_policy]\nmax_attempts = 9\n")
    asked, _ = requests(project_layers(str(project)), user_layers(), LARGE)
    assert asked == [Request("restart_policy.max_attempts", 3, 9)]
