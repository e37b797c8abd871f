"""The JSON Schema agrees with what memguard takes, as a real validator of draft 2020-12 reads it."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from memguard.config.descriptions import DESCRIPTIONS
from memguard.config.layer import checked_layer
from memguard.config.schema import DIALECT, json_schema
from memguard.config.settings_table import SETTINGS
from memguard.config.template import project_template
from tests.sandbox import ROOT
from tests.unit.config.field_samples import out_of_range, second, sound, tables, wrong_types

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def definition(key: str, root: dict[str, Any]) -> dict[str, Any]:
    table, _, name = key.rpartition(".")
    holder = SCHEMA["$defs"][root["properties"][table]["$ref"].rpartition("/")[2]] if table else root
    found: dict[str, Any] = holder["properties"][name]
    return found


def test_it_is_a_schema_of_its_draft() -> None:
    assert SCHEMA["$schema"] == DIALECT == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(SCHEMA)


def test_there_is_a_description_for_each_setting_and_for_nothing_else() -> None:
    assert set(DESCRIPTIONS) == set(SETTINGS)
    assert all(text.endswith(".") for text in DESCRIPTIONS.values())


@pytest.mark.parametrize("key", list(SETTINGS))
def test_each_setting_has_description_unit_and_default_for_all_platforms_and_for_one(key: str) -> None:
    for root in (SCHEMA, SCHEMA["$defs"]["ConfigTables"]):
        found = definition(key, root)
        assert found["description"] == DESCRIPTIONS[key]
        assert found["x-unit"] == SETTINGS[key].unit
        assert found.get("default") == SETTINGS[key].default


@pytest.mark.parametrize("key", list(SETTINGS))
def test_it_takes_what_memguard_takes_and_refuses_what_it_refuses(key: str) -> None:
    unsound = [
        value
        for value in (*wrong_types(key), *out_of_range(key))
        if not (isinstance(value, float) and math.isnan(value))
    ]  # JSON has none
    for value, is_sound in [(sound(key), True), (second(key), True), *((value, False) for value in unsound)]:
        data = tables(key, value)
        assert (checked_layer("f", data).problems == []) == is_sound, value
        assert VALIDATOR.is_valid(data) == is_sound, value
        assert VALIDATOR.is_valid({"platform": {"darwin": data}}) == is_sound, value


@pytest.mark.parametrize(
    ("key", "text", "is_sound"),
    [
        *(("thresholds.critical", text, True) for text in ("4GB", "1.5G", " 512 MiB ", "4096", "1tb")),
        *(("thresholds.critical", text, False) for text in ("4XB", "GB", "-4GB", "", "4 G B")),
        *(("restart_policy.attempt_window", text, True) for text in ("90", "45s", "30m", "2h", "1d", "1.5h")),
        *(("restart_policy.attempt_window", text, False) for text in ("1w", "soon", "-5s", "")),
        *(
            ("tools", {pattern: "1GB"}, True)
            for pattern in ("default", "Bash", "mcp__server", "Bash(pytest *)", "A.b:c")
        ),
        *(("tools", {pattern: 1}, False) for pattern in ("*", "", "Bash(", "Bash()", "1a", "a b", "x" * 101)),
    ],
)
def test_sizes_durations_and_patterns_are_read_alike(key: str, text: Any, is_sound: bool) -> None:
    data = tables(key, text)
    assert (checked_layer("f", data).problems == []) == is_sound
    assert VALIDATOR.is_valid(data) == is_sound


def test_an_unknown_key_or_table_is_refused_at_every_level() -> None:
    unknown: list[dict[str, Any]] = [
        {"zork": 1},
        {"thresholds": {"zork": 1}},
        {"platform": {"bsd": {}}},
        {"platform": {"linux": {"z": 1}}},
    ]
    for data in unknown:
        assert not VALIDATOR.is_valid(data)


def test_what_memguard_writes_and_its_docs_show_is_valid() -> None:
    lines = [line.removeprefix("# ") if " = " in line else line for line in project_template().splitlines()]
    examples = [tomllib.loads("\n".join(lines))]
    text = (ROOT / "docs" / "configuration.md").read_text()
    examples += [tomllib.loads(part.partition("```")[0]) for part in text.split("```toml\n")[1:]]
    assert len(examples) > 3
    for example in examples:
        VALIDATOR.validate(example)
        assert checked_layer("f", example).problems == []
