"""`[platform.linux]` and its like: what one file says of one platform goes before what it says of all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from memguard.config.load import load_config
from memguard.config.platform_table import platform_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str], Path]

GB = 1024**3
LARGE = 64 * GB


@pytest.mark.parametrize(
    ("system", "table"), [("linux", "linux"), ("darwin", "darwin"), ("win32", "windows"), ("freebsd14", "")]
)
def test_each_system_has_its_table_or_none(
    project: Path, user_file: Write, monkeypatch: pytest.MonkeyPatch, system: str, table: str
) -> None:
    names = ("linux", "darwin", "windows")
    user_file("".join(f"[platform.{name}.restart_policy]\nmax_attempts = {i + 5}\n" for i, name in enumerate(names)))
    monkeypatch.setattr(sys, "platform", system)
    assert platform_table() == table
    monkeypatch.undo()
    monkeypatch.setattr("memguard.config.layer.platform_table", lambda: table)
    expected = names.index(table) + 5 if table else 3
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project.parent / "home" / "config"))
    assert load_config(str(project), LARGE).config.restart_policy.max_attempts == expected


def test_the_source_names_the_table(project: Path, user_file: Write) -> None:
    path = user_file('[tools]\nBash = 100\n[platform.linux]\nmode = "observe"\ntools = {Read = 200}\n')
    loaded = load_config(str(project), LARGE)
    assert loaded.sources["mode"] == loaded.sources["tools.Read"] == f"{path} [platform.linux]"
    assert loaded.sources["tools.Bash"] == str(path)
    assert loaded.config.tools == {"Bash": 100, "Read": 200}


@pytest.mark.parametrize(
    ("common", "own", "critical_gb"),
    [("critical = 10240", "critical_percent = 50", 32), ("critical_percent = 50", "critical = 10240", 10)],
)
def test_the_platforms_way_of_saying_a_limit_replaces_the_other(
    project: Path, user_file: Write, common: str, own: str, critical_gb: int
) -> None:
    user_file(f"[thresholds]\n{common}\n[platform.linux.thresholds]\n{own}\n")
    assert load_config(str(project), LARGE).limits.critical_bytes == critical_gb * GB


def test_a_host_budget_that_is_a_share_here_is_no_size_any_more(project: Path, user_file: Write) -> None:
    user_file("[host]\nbudget = 1024\n[platform.linux.host]\nbudget_percent = 50\n")
    assert load_config(str(project), LARGE).host_budget_bytes == 32 * GB


def test_a_contradiction_between_the_two_is_said_with_the_table(project: Path, user_file: Write) -> None:
    path = user_file('mode = "observe"\n[thresholds]\nwarning = "9GB"\n[platform.linux.thresholds]\ncritical = "8GB"\n')
    loaded = load_config(str(project), LARGE)
    (line,) = loaded.faults
    assert line == f"{path} [platform.linux]: thresholds: warning (9216) is above critical (8192)"
    assert loaded.limits.critical_bytes == 15 * GB
    assert loaded.config.mode == "observe"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[platform.linx]\n", 'platform.linx is not a setting; did you mean "linux"?'),
        ("platform = 3\n", "platform = 3 must be a table"),
        ("[platform]\nlinux = 3\n", "platform.linux = 3 must be a table"),
        ("[platform.linux.thresholds]\ncritcal = 3\n", "platform.linux.thresholds.critcal is not a setting; did you"),
        (
            "[platform.darwin.thresholds]\ncritical = 0\n",
            "platform.darwin.thresholds.critical = 0 must be at least 1 MB",
        ),
        ("[platform.linux.platform.linux]\nmode = 'observe'\n", "platform.linux.platform is not a setting"),
        ("[platform.linux.tools]\n'*' = 1\n", "platform.linux.tools.*: is not a pattern"),
    ],
)
def test_a_fault_is_named_by_its_whole_key(project: Path, user_file: Write, text: str, words: str) -> None:
    user_file(text)
    loaded = load_config(str(project), LARGE)
    (line,) = loaded.faults
    assert words in line
    assert loaded.config.mode == "guard"


def test_a_project_loosens_nothing_by_a_platforms_table(project: Path, project_file: Write) -> None:
    project_file("[platform.linux.restart_policy]\nmax_attempts = 9\ninitial_cooldown = 60\n")
    loaded = load_config(str(project), LARGE)
    assert (loaded.config.restart_policy.max_attempts, loaded.config.restart_policy.initial_cooldown) == (3, 60)
    assert any("max_attempts = 9 is ignored" in line for line in loaded.warnings)
