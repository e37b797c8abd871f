"""The file that `memguard init` writes: sets nothing, explains itself, and each of its lines works."""

import tomllib
from pathlib import Path

from memguard.config.layer import checked_layer
from memguard.config.load import load_config
from memguard.config.settings_table import NEVER, PERSON, SETTINGS, TOOLS
from memguard.config.template import project_template

LARGE = 64 * 1024**3


def test_it_sets_nothing_and_says_that_it_may_only_tighten(project: Path) -> None:
    bare = load_config(str(project), LARGE)
    (project / ".memguard.toml").write_text(project_template())
    loaded = load_config(str(project), LARGE)
    assert loaded.config == bare.config
    assert loaded.warnings == []
    assert "may only TIGHTEN" in project_template().splitlines()[0]


def test_every_line_of_it_uncommented_is_a_setting_at_its_default() -> None:
    lines = [line.removeprefix("# ") if " = " in line else line for line in project_template().splitlines()]
    layer = checked_layer("template", tomllib.loads("\n".join(lines)))
    assert layer.problems == []
    examples = layer.values.pop(TOOLS)
    assert examples == {"default": 4096, "Bash(pytest*)": 2048}
    theirs = {key: s.default for key, s in SETTINGS.items() if s.project not in (PERSON, NEVER) and key != TOOLS}
    assert layer.values == {key: 4096 if default is None else default for key, default in theirs.items()}
