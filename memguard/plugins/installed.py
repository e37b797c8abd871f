"""The plugins that are installed where memguard is: entry points of the group `memguard`."""

from __future__ import annotations

import importlib.metadata
from typing import NamedTuple

GROUP = "memguard"


class InstalledPlugin(NamedTuple):
    """One entry point, not imported. `distribution` is what brought it, `version` that one's."""

    name: str
    distribution: str
    version: str
    entry_point: importlib.metadata.EntryPoint


def installed_plugins(name: str = "") -> list[InstalledPlugin]:
    """All of them by name, or those of one name: more than one is a conflict that nobody may decide by accident."""
    points = importlib.metadata.entry_points(group=GROUP)
    found = {(point.name, point.value, _of(point)): point for point in points if name in ("", point.name)}
    return [InstalledPlugin(key[0], *key[2], point) for key, point in sorted(found.items(), key=lambda item: item[0])]


def _of(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    distribution = point.dist
    return (distribution.name, distribution.version) if distribution else ("?", "?")
