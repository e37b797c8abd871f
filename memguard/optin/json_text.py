"""Changing JSON as text, so that everything that isn't changed stays byte for byte what it was.

All functions expect text that `json.loads` has accepted. A place is the index of a `{` or `[`.
"""

import json
from dataclasses import dataclass

_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Child:
    """A member of an object, or an element (then without `key`): text[start:end], its value from `value_start`."""

    key: str
    start: int
    value_start: int
    end: int


@dataclass(frozen=True, slots=True)
class Style:
    """How a file is laid out: `unit` is one step of indentation, None for a file on one line."""

    unit: str | None
    newline: str
    colon: str

    def render(self, value: object, indent: str) -> str:
        """`value` as JSON, its lines after the first indented by `indent`."""
        if self.unit is None:
            return self.one_line(value)
        text = json.dumps(value, indent=self.unit, ensure_ascii=False)
        return text.replace("\n", self.newline + indent)

    def one_line(self, value: object) -> str:
        """`value` as JSON without a line break."""
        return json.dumps(value, separators=(self.comma, self.colon), ensure_ascii=False)

    @property
    def comma(self) -> str:
        """What parts two values on one line."""
        return ", " if self.colon.endswith(" ") else ","


def skip_space(text: str, index: int) -> int:
    """The first index from `index` on that isn't white space."""
    while index < len(text) and text[index] in _SPACE:
        index += 1
    return index


def children(text: str, place: int) -> list[Child]:
    """What the object or array at `place` holds, in order."""
    found: list[Child] = []
    index = skip_space(text, place + 1)
    while text[index] not in "}]":
        start, key, value_start = index, "", index
        if text[place] == "{":
            key, index = _DECODER.raw_decode(text, index)
            value_start = skip_space(text, skip_space(text, index) + 1)
        _, end = _DECODER.raw_decode(text, value_start)
        found.append(Child(key, start, value_start, end))
        index = skip_space(text, end)
        if text[index] == ",":
            index = skip_space(text, index + 1)
    return found


def style_of(text: str) -> Style:
    """The layout of a file, by its first member; two spaces where there is none."""
    newline = "\r\n" if "\r\n" in text else "\n"
    place = skip_space(text, 0)
    first = next(iter(children(text, place)), None)
    if first is None:
        return Style("  ", newline, ": ")
    lead = text[place + 1 : first.start]
    after_key = text[first.start : first.value_start]
    colon = ": " if after_key[-1] in _SPACE else ":"
    return Style(lead.rpartition("\n")[2] if "\n" in lead else None, newline, colon)


def append(text: str, place: int, value: object, key: str = "") -> str:
    """Add `value` (in an object: under `key`) as the last child at `place`, laid out as its siblings are."""
    style = style_of(text)
    inside = children(text, place)
    name = json.dumps(key, ensure_ascii=False) + style.colon if key else ""
    if not inside:
        return _fill(text, place, style, name, value)
    lead, end = text[place + 1 : inside[0].start], inside[-1].end
    if "\n" not in lead:
        return f"{text[:end]}{style.comma}{name}{style.one_line(value)}{text[end:]}"
    indent = lead.rpartition("\n")[2]
    return f"{text[:end]},{style.newline}{indent}{name}{style.render(value, indent)}{text[end:]}"


def _fill(text: str, place: int, style: Style, name: str, value: object) -> str:
    """The first child of what is empty."""
    closing = skip_space(text, place + 1)
    if style.unit is None:
        return f"{text[: place + 1]}{name}{style.one_line(value)}{text[closing:]}"
    line = text[text.rfind("\n", 0, place) + 1 : place]
    outer = line[: len(line) - len(line.lstrip(" \t"))]
    indent = outer + style.unit
    body = f"{style.newline}{indent}{name}{style.render(value, indent)}{style.newline}{outer}"
    return text[: place + 1] + body + text[closing:]


def remove_child(text: str, place: int, index: int) -> str:
    """Take the child number `index` at `place` out, with the comma that belonged to it."""
    inside = children(text, place)
    if len(inside) == 1:
        return text[: place + 1] + text[skip_space(text, inside[0].end) :]
    if index:
        return text[: inside[index - 1].end] + text[inside[index].end :]
    return text[: inside[0].start] + text[inside[1].start :]
