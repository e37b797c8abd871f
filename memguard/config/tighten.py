"""What a project's own file may do: tighten, where the person has set nothing; the rest is ignored and said so.

One that the person trusts may set all but NEVER, still only where they have set nothing.
"""

from math import inf

from memguard.config.layer import Layer
from memguard.config.limits import Limit, Limits, fitted, limits_of, merged
from memguard.config.model import MEGABYTE_BYTES
from memguard.config.settings_table import LOWER, NEVER, PERSON, SETTINGS, THRESHOLD_LEVELS, TOOLS, Setting
from memguard.config.shown import shown
from memguard.core.errors import ConfigError
from memguard.core.units import format_size


def tightened_values(project: Layer, user: Layer) -> tuple[dict[str, object], list[str]]:
    """The project's values that hold (limits and tools apart), and a line for each that is ignored."""
    accepted: dict[str, object] = {}
    warnings: list[str] = []
    for key in (key for key in SETTINGS if key in project.values and key not in user.values):
        setting = SETTINGS[key]
        if key == TOOLS or key.startswith("thresholds.") or project.values[key] == setting.default:
            continue
        value, warning = _allowed(setting, project.values[key], project.is_trusted)
        if value is not None:
            accepted[key] = value
        if warning:
            warnings.append(f"{shown(project.source)}: {warning}")
    return accepted, warnings


def _allowed(setting: Setting, value: object, is_trusted: bool) -> tuple[object, str]:
    """The value that holds (None: the default stays), and what to tell the person of it (empty: nothing)."""
    if setting.project == NEVER:
        return None, f"{setting.key} is ignored: only your own configuration sets it, whatever you trust"
    return (value, "") if is_trusted else _tightened(setting, value)


def _tightened(setting: Setting, value: object) -> tuple[object, str]:
    default = setting.default
    if setting.project == PERSON:
        return None, f"{setting.key} is ignored: only your own configuration sets it, or a file that you trust"
    if default is None and setting.project == LOWER:
        default = inf  # no limit is the highest
    if not isinstance(value, int | float) or not isinstance(default, int | float):
        return None, f"{setting.key} is ignored"
    if (value < default) != (setting.project == LOWER):
        bound = f"{default:g} {setting.unit}"
        return None, f"{setting.key} = {value:g} is ignored: a project's file may only tighten (default {bound})"
    if value < setting.least:
        least = type(value)(setting.least)
        return least, f"{setting.key} = {value:g} counts as {least:g}, the least that a project's file may set"
    return value, ""


def tightened_limits(project: Layer, user: Layer, capacity_bytes: int) -> tuple[Limits, list[str]]:
    """The limits of project and user together, none above what the user has without the project, or trusts.

    None is below the least that a project's file may set, but for the user's own and those of a trusted file.
    A level that the user names stays the user's. Limits that are defaults aren't in the answer.
    """
    own = limits_of(user, capacity_bytes)
    base = fitted(own, capacity_bytes)
    named = {level for level, limit in own.items() if limit.pinned}
    asked = limits_of(project, capacity_bytes, leave_out=named)
    theirs = limits_of(project, capacity_bytes, named, {} if project.is_trusted else _least_bytes(base))
    try:
        candidate = fitted(merged([own, theirs, {level: own[level] for level in named}]), capacity_bytes)
    except ConfigError as error:
        return own, [f"{shown(project.source)}: thresholds are ignored: {error.what}"]
    taken = [
        level
        for level in THRESHOLD_LEVELS
        if candidate[level].size_bytes < base[level].size_bytes
        or (project.is_trusted and candidate[level].size_bytes > base[level].size_bytes)
    ]
    warnings = [
        _loosening(project, level, limit, base[level])
        for level, limit in theirs.items()
        if limit.pinned and limit.size_bytes > base[level].size_bytes and not project.is_trusted
    ]
    warnings += [
        _too_low(project, level, limit, theirs[level])
        for level, limit in asked.items()
        if limit.pinned and limit.size_bytes < theirs[level].size_bytes
    ]
    # Not pinned: what a stranger's file says gives way to whatever the person types later.
    return own | {level: Limit(candidate[level].size_bytes, candidate[level].source) for level in taken}, warnings


def _least_bytes(base: Limits) -> dict[str, int]:
    """How low a project's file may go: the table's least, or what holds without the file where that is less."""
    least = {level: int(SETTINGS[f"thresholds.{level}"].least) * MEGABYTE_BYTES for level in THRESHOLD_LEVELS}
    return {level: min(size_bytes, base[level].size_bytes) for level, size_bytes in least.items()}


def _too_low(project: Layer, level: str, asked: Limit, counted: Limit) -> str:
    return (
        f"{shown(project.source)}: {level} = {format_size(asked.size_bytes)} counts as"
        f" {format_size(counted.size_bytes)}, the least that a project's file may set"
    )


def _loosening(project: Layer, level: str, limit: Limit, base: Limit) -> str:
    return (
        f"{shown(project.source)}: {level} = {format_size(limit.size_bytes)} is ignored:"
        f" a project's file may only tighten ({format_size(base.size_bytes)}, {base.source})"
    )
