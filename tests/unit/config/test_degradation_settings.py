"""`[degradation]`: what is taken, what is refused, and what hooks then go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memguard.config.compile import compile_project
from memguard.config.layer import checked_layer
from memguard.config.load import load_config
from memguard.core.degradation import EMERGENCY, READ_ONLY, denies, patterns_of
from memguard.core.layout import read_pairs
from memguard.core.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGE = 64 * 1024**3


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"enabled": "yes"}, "degradation.enabled"),
        ({"read_only": "Write"}, "degradation.read_only"),
        ({"read_only": [5]}, "degradation.read_only"),
        ({"read_only": ["rm -rf"]}, "is not a pattern"),
        ({"read_only": ["Write", "Write"]}, "degradation.read_only"),
        ({"read_only": [f"T{number}" for number in range(25)]}, "degradation.read_only"),
        ({"emergency": ["Bash(git status*)"]}, "here only a tool as a whole can be named"),
        ({"denied": ["Write"]}, "is not a setting"),
    ],
)
def test_what_is_no_list_of_tools_is_refused_and_left_out(table: dict[str, object], line: str) -> None:
    layer = checked_layer("config.toml", {"degradation": table})
    assert layer.values == {}
    assert any(line in problem for problem in layer.problems), layer.problems


def test_hooks_go_by_what_the_person_sets(project: Path, person: Path, user_file: Callable[[str], Path]) -> None:
    user_file('[degradation]\nread_only = ["Bash(make *)", "mcp__browser"]\nemergency = []\n')
    pairs = read_pairs(compile_project(str(project), str(person / "state"), "/run/x", load_config(str(project), LARGE)))
    assert patterns_of(pairs, READ_ONLY) == ["Bash(make *)", "mcp__browser"]
    assert patterns_of(pairs, EMERGENCY) == []
    assert denies(pairs, READ_ONLY, "Bash", lambda: "cd x && make all")
    assert not denies(pairs, READ_ONLY, "Write", str)
    assert denies(pairs, EMERGENCY, "Read", str)


def test_a_compiled_file_of_before_has_the_defaults(project: Path, person: Path) -> None:
    path = compile_project(str(project), str(person / "state"), "/run/x", load_config(str(project), LARGE))
    own = ("degradation", "denied_tool_", "allowed_tool_", "host_max_attempts")
    pairs = {name: value for name, value in read_pairs(path).items() if not name.startswith(own)}
    assert denies(pairs, READ_ONLY, "Write", str)
    assert not denies(pairs, EMERGENCY, "Read", str)
    (person / "old").write_text("".join(f"{name}={value}\n" for name, value in pairs.items()))
    settings = load_settings(str(person / "old"))
    assert (settings.is_degrading, settings.restart.host_max_attempts) == (True, 12)


def test_a_projects_file_denies_nothing_by_itself(project: Path) -> None:
    (project / ".memguard.toml").write_text('[degradation]\nenabled = false\nread_only = ["Read"]\n')
    loaded = load_config(str(project), LARGE)
    assert loaded.config.degradation.enabled
    assert "Read" not in loaded.config.degradation.read_only
    assert [warning for warning in loaded.warnings if "degradation" in warning]
