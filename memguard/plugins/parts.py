"""A part of a guarded session, as plugins see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memguard.plugins.fields import made_of


@dataclass(frozen=True, kw_only=True)
class PartView:
    """A subtree of the client's: `kind` is client, tool, mcp, hook or other, `pid` the process that it began with.

    `footprint_bytes` counts memory that the session's processes share once; `rate_bytes_per_s` is its growth of late.
    """

    pid: int = 0
    kind: str = ""
    name: str = ""
    footprint_bytes: int = 0
    rate_bytes_per_s: float = 0.0


def parts_of(given: object) -> tuple[PartView, ...]:
    """The parts in a message."""
    entries: Iterable[object] = given if isinstance(given, list) else ()
    return tuple(made_of(PartView, entry) for entry in entries if isinstance(entry, Mapping))


def is_of(value: Any, parts: Iterable[PartView]) -> bool:
    """Whether `value` is the pid of one of them."""
    return type(value) is int and any(part.pid == value for part in parts)
