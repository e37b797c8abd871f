"""`[plugins]`: what is taken, what is refused, and what reaches the compiled file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memguard.config.compile import compiled_pairs
from memguard.config.layer import checked_layer
from memguard.config.load import load_config
from memguard.core.settings import load_settings
from memguard.core.spawn import watchdog_environment
from memguard.plugins.enabled import Enabled

Write = Callable[[str], Path]
LARGE = 64 * 1024**3


def pairs(project: Path) -> dict[str, object]:
    return compiled_pairs(str(project), "/run", load_config(str(project), LARGE))


def test_each_field_reaches_watchdog_and_worker(project: Path, user_file: Write, tmp_path: Path) -> None:
    user_file(
        '[plugins]\nenabled = ["b", "a"]\ntimeout = "500ms"\n'.replace("500ms", "5s")
        + 'memory = "1GB"\nvariables = ["TOKEN"]\n[plugins.a]\ndeep = {x = [1, "\\n"]}\n[plugins.unused]\ny = 1\n'
    )
    found = {name: str(value) for name, value in pairs(project).items()}
    enabled = Enabled.of(found)
    assert enabled.names == ("b", "a")
    assert (enabled.timeout_s, enabled.memory_bytes) == (5.0, 1024**3)
    assert enabled.options == {"a": {"deep": {"x": [1, "\n"]}}}
    (tmp_path / "compiled").write_text("".join(f"{name}={value}\n" for name, value in found.items()))
    settings = load_settings(str(tmp_path / "compiled"))
    assert (settings.plugins, settings.plugin_timeout_s) == (["b", "a"], 5.0)
    shell = {"TOKEN": "t", "OTHER": "o", "HOME": "/h"}
    assert watchdog_environment(shell, found) == {"TOKEN": "t", "HOME": "/h"}


def test_none_enabled_leaves_no_trace(project: Path, user_file: Write) -> None:
    """Hooks read the compiled file, too; and a variable that nobody needs is handed to nobody."""
    user_file('[plugins]\nvariables = ["TOKEN"]\n[plugins.a]\nx = 1\n')
    found = pairs(project)
    assert not [name for name in found if name.startswith("plugin")]
    assert (
        watchdog_environment({"TOKEN": "t", "DISPLAY": ":0"}, {name: str(value) for name, value in found.items()}) == {}
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"enabled": ["a", "a"]}, "names a plugin twice"),
        ({"enabled": ["../x"]}, "plugins.enabled"),
        ({"enabled": ["-rf"]}, "plugins.enabled"),
        ({"enabled": "a"}, "plugins.enabled"),
        ({"enabled": [str(number) for number in range(31)]}, "plugins.enabled"),
        ({"timeout": 0}, "plugins.timeout = 0 must be at least 0.1 s"),
        ({"timeout": 31}, "at most 30 s"),
        ({"memory": 63}, "at least 64 MB"),
        ({"variables": ["A=B"]}, "plugins.variables"),
        ({"enable": ["a"]}, 'plugins.enable is not a setting; did you mean "enabled"?'),
        ({"a": {"x": "y" * 20_000}}, "longer than 16384 characters"),
        ({"a": {"x": object()}}, "no text, number, truth value, list or table"),
        (3, "must be a table"),
    ],
    ids=range(13),
)
def test_anything_else_is_refused_in_one_clear_line(table: Any, words: str) -> None:
    (problem,) = checked_layer("f.toml", {"plugins": table, "mode": "observe"}).problems
    assert words in problem
    assert problem.startswith("f.toml: ")
    assert len(problem) < 400
    assert problem.isprintable()
    assert checked_layer("f.toml", {"plugins": table, "mode": "observe"}).values == {"mode": "observe"}


def test_a_projects_file_is_told_that_it_can_not(project: Path, project_file: Write, user_file: Write) -> None:
    user_file('[plugins]\nenabled = ["mine"]\n[plugins.mine]\nurl = "https://mine.org"\n')
    project_file('[plugins]\nenabled = ["theirs"]\n[plugins.mine]\nurl = "https://theirs.org"\n')
    found = pairs(project)
    assert found["plugins"] == "mine"
    assert json.loads(str(found["plugin_options"])) == {"mine": {"url": "https://mine.org"}}
