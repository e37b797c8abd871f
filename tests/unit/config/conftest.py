"""A person and a project of their own for each test, so that none reads or writes a real home."""

from collections.abc import Callable
from pathlib import Path

import pytest

GIGABYTE = 1024**3


@pytest.fixture(autouse=True)
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, with every folder of memguard's in it."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "STATE", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    return home


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def user_file() -> Callable[[str], Path]:
    """Writes the person's own configuration."""
    from memguard.config.sources import user_config_path

    def write(text: str) -> Path:
        path = Path(user_config_path())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def project_file(project: Path) -> Callable[[str], Path]:
    """Writes the project's configuration."""

    def write(text: str) -> Path:
        path = project / ".memguard.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def trust(project: Path) -> Callable[[], None]:
    """Trusts the project's file as it is, as `memguard config trust --yes` does."""
    from memguard.config.sources import project_layer
    from memguard.config.trust import record_trust

    return lambda: record_trust(str(project), project_layer(str(project)))
