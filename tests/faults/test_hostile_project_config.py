"""A configuration file is huge, binary, a folder, a FIFO, torn: the defaults count, and one line says so."""

import os
import re
from pathlib import Path

import pytest

from memguard.config.load import IDLE_CLIENT_BYTES, load_config
from memguard.config.sources import user_config_path

LARGE = 64 * 1024**3
HUGE_BYTES = 10 * 1024 * 1024


@pytest.fixture(autouse=True)
def _person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def _make(kind: str, path: Path) -> None:
    contents = {
        "huge": b"# " + b"x" * HUGE_BYTES,
        "binary": b"\x7fELF\x00\xff\xfe" * 100,
        "nul": b"mode = 'guard'\x00",
    } | ({
        "torn": b"thresholds:\n  critical: [\n",
        "digits": b"thresholds: {critical: " + b"9" * 5000 + b"}",
        "nested": b"a: " + b"[" * 20000,
    } if path.suffix == ".yaml" else {
        "torn": b"[thresholds]\ncritical = \n",
        "digits": b"[thresholds]\ncritical = " + b"9" * 5000,
        "nested": b"a = " + b"[" * 20000,
    })  # fmt: skip
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "circle":
        path.symlink_to(path)
    else:
        target = {"outside": "/etc/hostname", "endless": "/dev/zero", "nothing": str(path.parent / "missing")}[kind]
        path.symlink_to(target)


KINDS = {
    "huge": "larger than 1 MB",
    "binary": "not a text file",
    "nul": "not a text file",
    "torn": "line [23]",
    "digits": "not valid (TOML|YAML)",
    "nested": "not valid (TOML|YAML)",
    "folder": "is a folder",
    "fifo": "not a regular file",
    "circle": "can't be read",
    "outside": "link to outside the project",
    "endless": "link to outside the project",
    "nothing": "link to nothing",
}


@pytest.mark.parametrize("name", [".memguard.toml", ".memguard.yaml"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(20)
def test_a_broken_project_file_leaves_the_defaults_and_one_warning(tmp_path: Path, kind: str, name: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    expected = load_config(str(project), LARGE)
    _make(kind, project / name)
    loaded = load_config(str(project), LARGE)
    assert loaded.config == expected.config
    (warning,) = loaded.warnings
    assert re.search(KINDS[kind].replace("1 MB", "(1 M|64 K)B"), warning)
    assert name in warning
    assert warning.isprintable()


@pytest.mark.parametrize("name", ["config.toml", "config.yaml"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("outside", "endless")])
@pytest.mark.timeout(20)
def test_the_same_in_the_persons_own_file_leaves_the_defaults_and_one_line(
    tmp_path: Path, kind: str, name: str
) -> None:
    expected = load_config(str(tmp_path), LARGE)
    path = Path(user_config_path()).with_name(name)
    path.parent.mkdir(parents=True)
    _make(kind, path)
    loaded = load_config(str(tmp_path), LARGE)
    assert loaded.config == expected.config
    (line,) = loaded.lines
    assert re.search(KINDS[kind].replace("1 MB", "(1 M|64 K)B"), line)
    assert str(path) in line
    assert line.endswith("it is ignored; the defaults count")
    assert line.isprintable()


def test_a_persons_file_that_nothing_ends_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = Path(user_config_path())
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/zero")
    (line,) = load_config(str(tmp_path), LARGE).lines
    assert "is not a regular file" in line


def test_a_link_of_the_persons_own_is_followed(tmp_path: Path) -> None:
    path = Path(user_config_path())
    path.parent.mkdir(parents=True)
    (tmp_path / "dotfiles.toml").write_text("[restart_policy]\nmax_attempts = 1\n")
    path.symlink_to(tmp_path / "dotfiles.toml")
    loaded = load_config(str(tmp_path), LARGE)
    assert loaded.config.restart_policy.max_attempts == 1
    assert loaded.lines == []


@pytest.mark.parametrize("names", [(".memguard.toml", ".memguard.yaml"), ("config.toml", "config.yaml")])
def test_two_files_in_one_place_are_named_and_neither_counts(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = tmp_path if names[0].startswith(".") else Path(user_config_path()).parent
    folder.mkdir(parents=True, exist_ok=True)
    expected = load_config(str(tmp_path), LARGE).config
    (folder / names[0]).write_text("[restart_policy]\nmax_attempts = 1\n")
    (folder / names[1]).write_text("restart_policy: {max_attempts: 1}\n")
    loaded = load_config(str(tmp_path), LARGE)
    assert loaded.config == expected
    (line,) = loaded.lines
    assert all(name in line for name in names)


def test_a_link_inside_the_project_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("[restart_policy]\nmax_attempts = 1\n")
    (tmp_path / ".memguard.toml").symlink_to("real.toml")
    loaded = load_config(str(tmp_path), LARGE)
    assert loaded.config.restart_policy.max_attempts == 1
    assert loaded.warnings == []


def test_one_bad_key_does_not_loosen_what_the_others_tighten(tmp_path: Path) -> None:
    (tmp_path / ".memguard.toml").write_text("[restart_policy]\nmax_attempts = 1\nmax_atempts = 9\n")
    loaded = load_config(str(tmp_path), LARGE)
    assert loaded.config.restart_policy.max_attempts == 1
    assert len(loaded.warnings) == 1


def test_escape_sequences_in_keys_and_values_do_not_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / ".memguard.toml").write_text('"\\u001b[2Jx" = 1\nmode = "\\u001b]0;x\\u0007"\nclient = "\\u001b[31m"\n')
    warnings = load_config(str(tmp_path), LARGE).warnings
    assert len(warnings) == 3
    assert all(warning.isprintable() for warning in warnings)


def test_limits_below_an_idle_client_count_as_ones_that_leave_it_able_to_work(tmp_path: Path) -> None:
    own = load_config(str(tmp_path), LARGE).config.restart_policy
    (tmp_path / ".memguard.toml").write_text(
        "[thresholds]\ncritical = 1\n[restart_policy]\nmax_attempts = 100\ninitial_cooldown = 0\nattempt_window = 1\n"
    )
    loaded = load_config(str(tmp_path), LARGE)
    assert min(loaded.limits.warning_bytes, loaded.limits.emergency_bytes) > 3 * IDLE_CLIENT_BYTES
    assert any("the least that a project's file may set" in warning for warning in loaded.warnings)
    assert loaded.config.restart_policy == own
