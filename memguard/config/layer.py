"""One source of configuration, checked: the values that it sets, and a line for each that it can't."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError

from memguard.config.model import MemoryGuardianConfig, PlatformOverrides
from memguard.config.overriding import overridden, tables_of
from memguard.config.platform_table import PLATFORM, platform_table
from memguard.config.settings_table import BY_NAME, SETTINGS, TOOLS
from memguard.config.shown import shown
from memguard.core.errors import TypedConfigError

_TYPES = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "bool_type": "must be true or false",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
}
_LONGEST_BITS = 256  # str() of a number with 5,000 digits is an error
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("above", "gt"),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """`values` maps keys such as `thresholds.critical` to checked values; `problems` are lines for the person.

    `source` says in a few words where values are from; `label` turns a key into what the person wrote there, and
    `places` names where in the source a key is that isn't in its usual table. `sha256` is of the bytes of a file, and
    `is_trusted` whether the person trusts just these (`memguard config trust`).
    """

    source: str
    values: dict[str, object] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    label: Callable[[str], str] = str
    places: dict[str, str] = field(default_factory=dict)
    sha256: str = ""
    is_trusted: bool = False

    def value_source(self, key: str) -> str:
        """Where this layer's value of `key` is from."""
        place = self.places.get(key) or (self.source if self.label is str else self.label(key))
        return f"trusted project file {place}" if self.is_trusted else place

    @property
    def fault_line(self) -> str:
        """The first problem, and how many more there are; empty where there is none."""
        more = len(self.problems) - 1
        rest = f" (and {more} more: `memguard config check` lists all)" if more > 0 else ""
        return self.problems[0] + rest if self.problems else ""

    def refuse_problems(self) -> "Layer":
        """The layer itself, or TypedConfigError with its first problem."""
        if not self.problems:
            return self
        raise TypedConfigError(self.fault_line, "correct it; docs/configuration.md lists every setting")


def checked_layer(
    source: str, data: Mapping[str, object], label: Callable[[str], str] = str, platform: str | None = None
) -> Layer:
    """Check what a source holds. Whatever is wrong is left out, with one line each in `problems`.

    What it says of `platform` (None: this machine's; empty: one that has no table) goes before what it says of all.
    """
    config, problems = _sound(source, data, label)
    values, name = set_values(config), platform_table() if platform is None else platform
    tables = getattr(config.platform, name) if name else None
    own = set_values(tables) if tables else {}
    if not own:
        return Layer(source, values, problems, label)
    place = f"{source} [{PLATFORM}.{name}]"
    config, more = _sound(place, tables_of(overridden(values, own)), label)
    budgets = own.get(TOOLS)
    keys = [*own, *(f"{TOOLS}.{pattern}" for pattern in (budgets if isinstance(budgets, dict) else ()))]
    return Layer(source, set_values(config), problems + more, label, dict.fromkeys(keys, place))


def _sound(
    source: str, data: Mapping[str, object], label: Callable[[str], str]
) -> tuple[MemoryGuardianConfig, list[str]]:
    """What of `data` can be used, and a line for each thing that can't."""
    remaining: dict[str, object] = {name: _copied(value) for name, value in data.items()}
    problems: list[str] = []
    while True:
        try:
            config = MemoryGuardianConfig.model_validate(remaining)
        except ValidationError as error:
            details = error.errors(include_url=False)
            locations = [tuple(str(part) for part in detail["loc"]) for detail in details]
            problems += [f"{shown(source)}: {_line(*found, label)}" for found in zip(locations, details, strict=True)]
            if sum(_drop(remaining, location) for location in locations) == 0:
                remaining.pop(locations[0][0], None)  # a key that isn't UTF-8: pydantic names another
        else:
            return config, problems


def _copied(value: object) -> object:
    return {name: _copied(item) for name, item in value.items()} if isinstance(value, dict) else value


def _parted(location: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The platform's table that a location is in (empty where it is in none), and the location inside it."""
    return (location[:2], location[2:]) if location[:1] == (PLATFORM,) and len(location) > 2 else ((), location)


def _drop(data: dict[str, object], location: tuple[str, ...]) -> bool:
    """Take the value at `location` out (all of it where the fault is in how values go together); whether it was in."""
    if not location:
        data.clear()
        return True
    above, location = _parted(location)
    holder = data
    for name in above:
        inner = holder.get(name)
        holder = inner if isinstance(inner, dict) else {}
    key, table = location[0], holder.get(location[0])
    if len(location) > 1 and isinstance(table, dict):
        holder, key = table, location[1]
    was_in = key in holder
    holder.pop(key, None)
    return was_in


def set_values(model: BaseModel, prefix: str = "") -> dict[str, object]:
    """The values that were set explicitly, by key, platforms apart."""
    values: dict[str, object] = {}
    for name in model.model_fields_set - {PLATFORM}:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            values |= set_values(value, f"{name}.")
        else:
            values[prefix + name] = value
    return values


def _line(location: tuple[str, ...], detail: Mapping[str, object], label: Callable[[str], str]) -> str:
    above, location = _parted(location)
    key = ".".join(location[:2])
    written = shown(".".join((*above, label(key))) if key else ".".join(above))
    if detail["type"] == "extra_forbidden":
        return f"{written} is not a setting{nearest(location[:2])}"
    reason = _reason(str(detail["type"]), detail)
    is_value = key in SETTINGS or (len(location) == 2 and location[0] == TOOLS)
    if not key or (not is_value and detail["type"] == "value_error"):
        return f"{written}: {reason}" if written else reason
    given = detail["input"]
    value = "" if isinstance(given, (dict, list)) else f" = {shown(_as_written(given), 40)}"
    return f"{written}{value} {reason}"


def _as_written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > _LONGEST_BITS:
        return "a number of more than 77 digits"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _reason(kind: str, detail: Mapping[str, object]) -> str:
    context = detail.get("ctx")
    context = context if isinstance(context, dict) else {}
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"must be {words} {context[bound]:g}{_unit(detail)}"
    if kind == "literal_error":
        return f"must be {str(context['expected']).replace(chr(39), chr(34))}"
    if kind == "value_error":
        return str(context["error"])
    return _TYPES.get(kind, shown(detail["msg"]))


def _unit(detail: Mapping[str, object]) -> str:
    found = detail["loc"]
    _, location = _parted(tuple(str(part) for part in found) if isinstance(found, tuple) else ())
    setting = SETTINGS.get(".".join(location[:1] if location[:1] == (TOOLS,) else location))
    return f" {setting.unit}" if setting and setting.unit in ("MB", "s", "days") else ""


def nearest(location: tuple[str, ...]) -> str:
    """`; did you mean "critical"?` for a key that isn't known; empty where nothing is near."""
    tables = [name for name in MemoryGuardianConfig.model_fields if "." not in name]
    table, name = ("", location[0]) if len(location) == 1 else location
    siblings = tables if not table else [key.partition(".")[2] for key in SETTINGS if key.startswith(f"{table}.")]
    siblings = list(PlatformOverrides.model_fields) if table == PLATFORM else siblings
    for names in (siblings, list(BY_NAME)):
        near = difflib.get_close_matches(name[:100].lower(), names, n=1)
        if near and names is siblings:
            return f'; did you mean "{near[0]}"?'
        if near:
            return f'; did you mean "{BY_NAME[near[0]].key}"?'
    return ""
