"""docs/configuration.md says of every setting what the code does."""

from pathlib import Path

import pytest

from memguard.config.settings_table import NEVER, PERSON, SETTINGS, Setting

DOC = Path(__file__).parents[3] / "docs" / "configuration.md"


def rows() -> dict[str, list[str]]:
    lines = [
        line for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("| `") and line.count("|") == 8
    ]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


def test_it_lists_exactly_the_settings() -> None:
    assert set(rows()) == set(SETTINGS)


def written(value: object) -> str:
    if value is None or value in ({}, []):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, int | float) else f"`{value}`"


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.key)
def test_a_row_says_what_the_code_does(setting: Setting) -> None:
    _, default, unit, _, variable, project, what = rows()[setting.key]
    value = setting.default
    assert default == written(value)
    assert unit == setting.unit
    assert variable.strip("`") == (setting.variable or "none")
    floor = f", down to {setting.least:g}" if setting.least else ""
    ignored = {PERSON: "ignored", NEVER: "never"}
    assert project == ignored.get(setting.project, f"{setting.project} only{floor}")
    assert what
