"""Dataclasses from what came through a pipe: a field that is missing, or of another type, has its default."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

Made = TypeVar("Made")
_known: dict[type, tuple[tuple[str, tuple[type, ...]], ...]] = {}


def made_of(kind: type[Made], given: Mapping[str, Any], **more: Any) -> Made:
    """One of `kind`, a dataclass whose fields all have defaults; `more` are values that are right already."""
    values = {name: given[name] for name, types in _types_of(kind) if name in given and type(given[name]) in types}
    return kind(**(values | more))


def _types_of(kind: type) -> tuple[tuple[str, tuple[type, ...]], ...]:
    if kind not in _known:
        _known[kind] = _types(kind)
    return _known[kind]


def _types(kind: Any) -> tuple[tuple[str, tuple[type, ...]], ...]:
    """Each field with the types that its default speaks for: a whole number does for any number."""
    found = ((field.name, type(field.default)) for field in dataclasses.fields(kind))
    return tuple((name, (int, float) if of is float else (of,)) for name, of in found)
