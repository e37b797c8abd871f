"""The three limits in bytes, from what each source says of them and from the capacity of the machine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from memguard.config.chain import ConflictError, settle
from memguard.config.layer import Layer
from memguard.config.model import MEGABYTE_BYTES, MemoryThresholds
from memguard.config.settings_table import THRESHOLD_LEVELS
from memguard.core.errors import ConfigError
from memguard.core.units import format_size

# As in the states' definition: a warning at 80 % of critical, an emergency at 120 %.
_RATIOS = {"emergency": 1.2, "critical": 1.25, "warning": 1.0}
_PERCENT_OF_CRITICAL = {"warning": 80, "emergency": 120}


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: `pinned` when its source names it, rather than following from another value."""

    size_bytes: int
    source: str
    pinned: bool = False


Limits = dict[str, Limit]


def limits_of(
    layer: Layer, capacity_bytes: int, leave_out: Collection[str] = (), least_bytes: Mapping[str, int] | None = None
) -> Limits:
    """What one source says: a size before a percentage; with `critical`, the other two follow from it.

    `capacity_bytes` of 0 means unknown: percentages then say nothing. What is below `least_bytes`, by level, counts as
    that.
    """
    limits: Limits = {}
    least_bytes = least_bytes or {}
    for level in THRESHOLD_LEVELS:
        limit = None if level in leave_out else _explicit(layer, level, capacity_bytes)
        if limit:
            limits[level] = replace(limit, size_bytes=max(limit.size_bytes, least_bytes.get(level, 0)))
    return _with_followers(limits)


def _explicit(layer: Layer, level: str, capacity_bytes: int) -> Limit | None:
    key = f"thresholds.{level}"
    megabytes = layer.values.get(key)
    if isinstance(megabytes, int):
        return Limit(megabytes * MEGABYTE_BYTES, layer.value_source(key), pinned=True)
    percent = layer.values.get(f"{key}_percent")
    if isinstance(percent, float | int) and capacity_bytes > 0:
        source = f"{percent:g} % of capacity, {layer.value_source(f'{key}_percent')}"
        return Limit(max(1, int(capacity_bytes * percent / 100)), source, pinned=True)
    return None


def _with_followers(limits: Limits) -> Limits:
    critical = limits.get("critical")
    if critical:
        for level, percent in _PERCENT_OF_CRITICAL.items():
            size_bytes = max(1, critical.size_bytes * percent // 100)
            limits.setdefault(level, Limit(size_bytes, f"{percent} % of critical, {critical.source}"))
    return limits


def merged(layers: Sequence[Limits]) -> Limits:
    """Limits of several sources, the last one winning."""
    result: Limits = {}
    for limits in layers:
        result |= limits
    return result


def fitted(limits: Limits, capacity_bytes: int) -> Limits:
    """All three limits: defaults where nothing is said, and what isn't pinned moved so that they rise.

    Raises ConfigError where two pinned ones contradict each other.
    """
    complete = {level: limits.get(level) or _default(level, capacity_bytes) for level in _RATIOS}
    sizes = {level: float(limit.size_bytes) for level, limit in complete.items()}
    try:
        moved = settle(sizes, _RATIOS, {level for level, limit in complete.items() if limit.pinned})
    except ConflictError as conflict:
        raise _contradiction(complete[conflict.high], conflict, complete[conflict.low]) from None
    for level in moved:
        complete[level] = Limit(max(1, int(sizes[level])), "follows the other limits")
    return complete


def _contradiction(high: Limit, conflict: ConflictError, low: Limit) -> ConfigError:
    return ConfigError(
        f"{conflict.low} ({format_size(low.size_bytes)}, {low.source}) is above"
        f" {conflict.high} ({format_size(high.size_bytes)}, {high.source})",
        "limits rise from warning over critical to emergency: change one of the two",
    )


def _default(level: str, capacity_bytes: int) -> Limit:
    """12, 15 and 18 GB, or 50, 65 and 75 % of capacity, whichever is lower."""
    thresholds = MemoryThresholds()
    absolute = getattr(thresholds, level) * MEGABYTE_BYTES
    percent = getattr(thresholds, f"{level}_percent")
    share = int(capacity_bytes * percent / 100) if capacity_bytes > 0 else absolute
    return Limit(share, f"default, {percent:g} % of capacity") if share < absolute else Limit(absolute, "default")
