"""A project's file is a stranger's file: whatever it is, memguard falls back to what is safe, and says so."""

import os
from pathlib import Path

import pytest

from memguard.config.load import load_config
from memguard.config.sources import user_config_path
from memguard.core.errors import ConfigError

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
        "torn": b"[thresholds]\ncritical = \n",
        "digits": b"[thresholds]\ncritical = " + b"9" * 5000,
        "nested": b"a = " + b"[" * 20000,
    }
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
    "torn": "line 2",
    "digits": "not valid TOML",
    "nested": "not valid TOML",
    "folder": "is a folder",
    "fifo": "not a regular file",
    "circle": "can't be read",
    "outside": "link to outside the project",
    "endless": "link to outside the project",
    "nothing": "link to nothing",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(20)
def test_a_broken_project_file_leaves_the_defaults_and_one_warning(tmp_path: Path, kind: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    expected = load_config(str(project), LARGE)
    _make(kind, project / ".memguard.toml")
    loaded = load_config(str(project), LARGE)
    assert loaded.config == expected.config
    (warning,) = loaded.warnings
    assert KINDS[kind] in warning
    assert ".memguard.toml" in warning
    assert warning.isprintable()


@pytest.mark.parametrize("kind", ["huge", "binary", "torn", "folder", "nested"])
def test_the_same_in_the_persons_own_file_is_an_error(tmp_path: Path, kind: str) -> None:
    path = Path(user_config_path())
    path.parent.mkdir(parents=True)
    _make(kind, path)
    with pytest.raises(ConfigError, match=KINDS[kind]):
        load_config(str(tmp_path), LARGE)


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
