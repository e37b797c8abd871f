"""A person and a project of their own for each test, so that none reads or writes a real home."""

from pathlib import Path

import pytest

from memguard.config import dirs
from memguard.config.load import LoadedConfig, load_config
from memguard.optin.project import ProjectOptIn

LARGE_BYTES = 64 * 1024**3


@pytest.fixture(autouse=True)
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, with every folder of memguard's in it."""
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True, mode=0o700)
    (home / "run").chmod(0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    for name in ("CONFIG", "STATE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    return home


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def loaded(project: Path) -> LoadedConfig:
    return load_config(str(project), LARGE_BYTES)


@pytest.fixture
def opt_in(project: Path) -> ProjectOptIn:
    return ProjectOptIn(str(project), dirs.state_dir())
