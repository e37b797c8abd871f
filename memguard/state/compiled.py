"""What the project's compiled configuration says about snapshots; the defaults where it says nothing."""

from __future__ import annotations

import math
import os
from typing import NamedTuple

from memguard.core.layout import COMPILED, read_pairs
from memguard.state import files

REDACTED = "redacted"
EXACT = "exact"
OWN_RULES = "own"
_MEGABYTE_BYTES = 1048576


class SnapshotSettings(NamedTuple):
    """How long snapshots are kept (days), how many, how much space they may take; what is left out, by which rules."""

    retention_days: float = 7
    retention_count: float = 200
    retention_bytes: float = 2048 * _MEGABYTE_BYTES
    privacy: str = REDACTED
    runtime_dir: str = ""
    uses_library: bool = True


def snapshot_settings(project_dir: str) -> SnapshotSettings:
    """Of one project. What is no number counts as not said; where nothing can be read, nothing old goes meanwhile."""
    path, default = os.path.join(project_dir, COMPILED), SnapshotSettings()
    try:
        pairs = read_pairs(path)
    except OSError:
        pairs = {}
    if not pairs and files.size_bytes(path) > 0:
        return SnapshotSettings(math.inf, math.inf, math.inf)
    return SnapshotSettings(
        _number(pairs, "retention_days", default.retention_days),
        _number(pairs, "retention_count", default.retention_count),
        _number(pairs, "retention_bytes", default.retention_bytes),
        EXACT if pairs.get("privacy") == EXACT else REDACTED,
        pairs.get("runtime", ""),
        pairs.get("redaction_rules") != OWN_RULES,
    )


def _number(pairs: dict[str, str], name: str, default: float) -> float:
    try:
        value = float(pairs.get(name, default))
    except ValueError:
        return default
    return value if 0 < value < math.inf else default
