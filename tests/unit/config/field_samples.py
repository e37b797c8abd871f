"""Values for every setting, sound and unsound, from its JSON Schema alone: a new setting is covered as it is added."""

from __future__ import annotations

import json
import math
from typing import Any

from memguard.config.schema import json_schema
from memguard.config.settings_table import SETTINGS, TOOLS

Node = dict[str, Any]

_SCHEMA = json_schema()


def node(key: str) -> Node:
    """The part of the schema that describes a setting; of a number that may be text with a unit, the number."""
    found, name = _SCHEMA, key
    if "." in key:
        table, _, name = key.rpartition(".")
        found = _SCHEMA["$defs"][_SCHEMA["properties"][table]["$ref"].rpartition("/")[2]]
    wanted = dict(found["properties"][name])
    return wanted["anyOf"][0] if "anyOf" in wanted else wanted


def is_number(key: str) -> bool:
    return node(key).get("type") in ("integer", "number")


def sound(key: str) -> Any:
    """A value that the setting may have, and doesn't have by default."""
    schema, default = node(key), SETTINGS[key].default
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != default)
    kind = schema["type"]
    if kind == "boolean":
        return not default
    if kind == "array":
        return ["Sample"]
    if kind == "object":
        return {"Bash": 100} if key == TOOLS else {"sample": {"depth": 1}}
    return _other_number(schema, default) if is_number(key) else "sample_name"


def _other_number(schema: Node, default: Any) -> Any:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    start = default if default is not None else schema["maximum"]
    between = (start + least) / 2
    if schema["type"] == "number":
        return between
    return int(between) if int(between) != default else int(start) + 1


def second(key: str) -> Any:
    """Another sound value."""
    if isinstance(SETTINGS[key].default, bool) or "enum" in node(key):
        return SETTINGS[key].default
    if is_number(key):
        return _other_number(node(key), sound(key))
    found = sound(key)
    other: Any = {"Read": 200} if key == TOOLS else {"other": {"depth": 2}}
    return ["Other"] if isinstance(found, list) else (other if isinstance(found, dict) else "other_name")


def wrong_types(key: str) -> list[Any]:
    """Values of other types."""
    schema = node(key)
    kind = "number" if is_number(key) else schema["type"]
    found = {
        "number": [True, "soon", [], {"a": 1}, ""],
        "boolean": [2, "maybe", []],
        "string": [5, True, [], {"a": 1}, *(["nonsense"] if "enum" in schema else [])],
        "array": [5, "Bash", [5], {"a": 1}],
        "object": [5, "Bash", ["Bash"]],
    }[kind]
    return [*found, 1.5] if schema.get("type") == "integer" else found


def out_of_range(key: str) -> list[Any]:
    """Numbers below and above what the setting may be, and what is no number of this world."""
    schema = node(key)
    if not is_number(key):
        return [schema["maxLength"] * "x" + "x"] if "maxLength" in schema else []
    low = schema["minimum"] - 1 if "minimum" in schema else schema["exclusiveMinimum"]
    beyond = [math.nan, math.inf, -math.inf] if schema["type"] == "number" else []
    return [low, schema["maximum"] + 1, 10**30, *beyond]


def tables(key: str, value: Any) -> dict[str, Any]:
    """The tables of a file that sets this alone."""
    table, _, name = key.rpartition(".")
    if key == "plugins.options" and isinstance(value, dict):
        return {table: value}  # there, a table of the person's own naming stands beside the settings
    return {table: {name: value}} if table else {name: value}


def toml(data: dict[str, Any]) -> str:
    """As a TOML file, each table in a line of its own."""
    return "".join(f"{json.dumps(name)} = {_inline(value)}\n" for name, value in data.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {_inline(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return str(value) if isinstance(value, float) else json.dumps(value)
