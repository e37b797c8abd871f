"""The configuration as JSON Schema, for editors: https://json-schema.org/draft/2020-12."""

import copy
from typing import Any

from memguard.config.descriptions import DESCRIPTIONS
from memguard.config.model import ConfigTables, MemoryGuardianConfig
from memguard.config.settings_table import SETTINGS, TOOLS, Setting
from memguard.config.tool_patterns import LONGEST, MOST_PATTERNS, PATTERN

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# As `core.units` reads them; what is no size or duration at all is refused there.
_TEXTS = {
    "MB": r"^ *[0-9]+(\.[0-9]*)? *([KMGTkmgt]?[iI]?[bB]?) *$",
    "s": r"^ *[0-9]+(\.[0-9]*)? *[smhdSMHD]? *$",
}

# pydantic's own names of bounds, which it leaves where a value is read from text first.
_KEYWORDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}

Node = dict[str, Any]


def json_schema() -> Node:
    """The schema, with a description, the unit (`x-unit`) and the default of each setting."""
    schema = MemoryGuardianConfig.model_json_schema()
    definitions: dict[str, Node] = schema["$defs"]
    platforms = definitions["PlatformOverrides"]["properties"]
    platforms |= {name: _without_null(node) for name, node in platforms.items()}
    for table in (definitions["ConfigTables"], definitions["PlatformOverrides"], schema):
        _without_defaults(table)
    for setting in SETTINGS.values():
        for holder in _holders(setting, schema, definitions):
            name = setting.key.rpartition(".")[2]
            holder["properties"][name] = _described(setting, holder["properties"][name])
    return {"$schema": DIALECT, **schema, "title": "The configuration of memguard"}


def _without_defaults(table: Node) -> None:
    """What a table holds has defaults of its own."""
    for node in table["properties"].values():
        if "$ref" in node:
            node.pop("default", None)


def _holders(setting: Setting, schema: Node, definitions: dict[str, Node]) -> list[Node]:
    """Where a setting is defined: single values twice, for all platforms and for one; tables are shared."""
    table = setting.key.rpartition(".")[0]
    if not table:
        return [schema, definitions["ConfigTables"]]
    model = ConfigTables.model_fields[table].annotation
    return [definitions[model.__name__]] if model else []


def _described(setting: Setting, found: Node) -> Node:
    node = _without_null(copy.deepcopy(found))
    if setting.key == TOOLS:
        node |= {"propertyNames": {"pattern": PATTERN, "maxLength": LONGEST}, "maxProperties": MOST_PATTERNS}
        node["additionalProperties"] = _or_text(setting.unit, node["additionalProperties"])
    elif isinstance(setting.default, int | float) or node.get("type") in ("integer", "number"):
        node = _or_text(setting.unit, node)
    node.pop("default", None)
    default = {} if setting.default is None else {"default": setting.default}
    return {**node, "description": DESCRIPTIONS[setting.key], "x-unit": setting.unit, **default}


def _without_null(node: Node) -> Node:
    """Neither TOML nor memguard's YAML writes down that there is no value."""
    kinds = [kind for kind in node.pop("anyOf", []) if kind.get("type") != "null"]
    return {**node, **kinds[0]} if len(kinds) == 1 else ({**node, "anyOf": kinds} if kinds else node)


def _or_text(unit: str, node: Node) -> Node:
    """A number, or text with a unit."""
    if unit not in _TEXTS:
        return node
    number = {_KEYWORDS.get(name, name): value for name, value in node.items() if name not in ("title", "default")}
    return {"anyOf": [number, {"type": "string", "pattern": _TEXTS[unit]}]}
