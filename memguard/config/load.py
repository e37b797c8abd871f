"""From files, variables and options to one configuration, with the source of every value.

Growing precedence: the project's file (which may only tighten, unless the person trusts it), the user's own file,
`MEMGUARD_...` variables (for commands that the person types), the command line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from memguard.config.chain import ConflictError, settle
from memguard.config.host_budget import host_budget_bytes
from memguard.config.layer import Layer
from memguard.config.limits import Limits, fitted, limits_of, merged
from memguard.config.model import MEGABYTE_BYTES, MemoryGuardianConfig
from memguard.config.settings_table import SETTINGS, THRESHOLD_LEVELS, TOOLS
from memguard.config.sources import (
    command_line_layer,
    environment_layer,
    project_config_path,
    project_layer,
    unknown_variables,
    user_config_path,
    user_layer,
)
from memguard.config.tighten import tightened_limits, tightened_values
from memguard.config.tool_limits import tool_limits
from memguard.config.trust import with_trust
from memguard.core.errors import ConfigError, TypedConfigError
from memguard.core.thresholds import Thresholds
from memguard.core.units import format_size

# The client's footprint, measured idle, is about 130 MB: at a limit below this, every session is over it at once.
IDLE_CLIENT_BYTES = 150 * MEGABYTE_BYTES

_FALLING = (
    {"restart_policy.max_cooldown": 1.0, "restart_policy.initial_cooldown": 1.0},
    {f"monitoring.{state}_interval": 1.0 for state in ("normal", "warning", "critical", "emergency")},
)


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """`config` holds every value as it counts; `limits` are its thresholds in bytes, as is `host_budget_bytes`.

    `sources` maps each key (and each `tools.<pattern>`) to where its value is from, `faults` are lines for what of
    the person's own file can't be used, `warnings` are other lines that they should see, and `files` are the project's
    and the user's file, whether they exist or not.
    """

    config: MemoryGuardianConfig
    limits: Thresholds
    sources: dict[str, str]
    warnings: list[str]
    files: dict[str, str]
    host_budget_bytes: int = 0
    faults: list[str] = field(default_factory=list)
    fault_line: str = ""

    @property
    def lines(self) -> list[str]:
        """What a command says of it: one line for all faults of the person's own file, and the warnings."""
        return [*([self.fault_line] if self.fault_line else []), *self.warnings]


def load_config(
    root: str,
    capacity_bytes: int,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str | None] | None = None,
) -> LoadedConfig:
    """The configuration of the project at `root`.

    `capacity_bytes` is what percentages are of (0: unknown). `environ` is left out where no person typed the command.
    `overrides` maps names such as `critical` to what was typed. A fault in a file is a line, and what is sound in it
    counts; where that leaves a value open, its default does. Raises TypedConfigError for a fault in what was typed.
    """
    project, forgotten = with_trust(root, project_layer(root))
    typed = [environment_layer(environ or {}), command_line_layer(overrides or {})]
    loaded = combined(project, user_layer(), [layer.refuse_problems() for layer in typed], capacity_bytes)
    warnings = [*([forgotten] if forgotten else []), *unknown_variables(environ or {}), *loaded.warnings]
    return replace(loaded, warnings=warnings, files={"project": project_config_path(root), "user": user_config_path()})


def combined(project: Layer, user: Layer, typed: Sequence[Layer], capacity_bytes: int) -> LoadedConfig:
    """What these sources are together, as `load_config` says; `typed` are without problems."""
    user = _without_contradiction(user, capacity_bytes)
    values, sources, warnings = _single_values(project, user, typed)
    limits, limit_warnings = _limits(project, user, typed, capacity_bytes)
    sources |= {f"thresholds.{level}": limits[level].source for level in THRESHOLD_LEVELS}
    return LoadedConfig(
        config=_config(values, limits),
        limits=_thresholds(limits),
        sources=sources,
        warnings=[*project.problems, *warnings, *limit_warnings],
        files={"project": project.source, "user": user.source},
        host_budget_bytes=host_budget_bytes([user, *typed], capacity_bytes),
        faults=user.problems,
        fault_line=_fault_line(user),
    )


def _fault_line(user: Layer) -> str:
    """One line that says what counts instead, since a session then begins with other limits than the person's."""
    if not user.problems:
        return ""
    return f"{user.fault_line}; {'the rest of it counts' if user.values else 'the defaults count'}"


def _without_contradiction(user: Layer, capacity_bytes: int) -> Layer:
    """Without its limits where they can't all hold here: 9 GB as a warning, and 50 % of 16 GB as critical."""
    try:
        fitted(limits_of(user, capacity_bytes), capacity_bytes)
    except ConfigError as error:
        values = {key: value for key, value in user.values.items() if not key.startswith("thresholds.")}
        return replace(user, values=values, problems=[*user.problems, f"{user.source}: {error.what}"])
    return user


def _single_values(
    project: Layer, user: Layer, typed: Sequence[Layer]
) -> tuple[dict[str, object], dict[str, str], list[str]]:
    """Values, sources and warnings of everything but the three limits."""
    accepted, warnings = tightened_values(project, user)
    values: dict[str, object] = {key: setting.default for key, setting in SETTINGS.items()}
    sources = dict.fromkeys(SETTINGS, "default")
    for layer in (replace(project, values=accepted), user, *typed):
        values |= layer.values
        sources |= {key: layer.value_source(key) for key in layer.values}
    pinned = {key for layer in (user, *typed) for key in layer.values}
    for falling in _FALLING:
        _settle(values, sources, falling, pinned | set(accepted), pinned)
    values[TOOLS], tool_sources, tool_warnings = tool_limits(project, user)
    return values, sources | tool_sources, warnings + tool_warnings


def _settle(
    values: dict[str, object], sources: dict[str, str], falling: dict[str, float], given: set[str], pinned: set[str]
) -> None:
    """What the project's file says goes before a default, and gives way to what the person says (`pinned`)."""
    try:
        try:
            numbers, moved = _settled(values, falling, given)
        except ConflictError:
            numbers, moved = _settled(values, falling, pinned)
    except ConflictError as conflict:
        numbers = {key: float(str(values[key])) for key in falling}
        high, low = conflict.high, conflict.low
        raise TypedConfigError(
            f"{low} ({numbers[low]:g} s, {sources[low]}) is above {high} ({numbers[high]:g} s, {sources[high]})",
            "change one of the two",
        ) from None
    values |= {key: numbers[key] for key in moved}
    sources |= dict.fromkeys(moved, "follows the others of its table")


def _settled(
    values: dict[str, object], falling: dict[str, float], pinned: set[str]
) -> tuple[dict[str, float], set[str]]:
    numbers = {key: float(str(values[key])) for key in falling}
    return numbers, settle(numbers, falling, pinned)


def _limits(project: Layer, user: Layer, typed: Sequence[Layer], capacity_bytes: int) -> tuple[Limits, list[str]]:
    limits, warnings = tightened_limits(project, user, capacity_bytes)
    try:
        limits = fitted(merged([limits, *(limits_of(layer, capacity_bytes) for layer in typed)]), capacity_bytes)
    except ConfigError as error:  # the files agree among themselves
        raise TypedConfigError(error.what, error.next_step) from None
    critical = limits["critical"]
    size = f"critical ({format_size(critical.size_bytes)}, {critical.source})"
    if critical.size_bytes < IDLE_CLIENT_BYTES:
        warnings.append(f"{size} is below what an idle client holds: every session will be over it at once")
    if 0 < capacity_bytes < critical.size_bytes:
        warnings.append(f"{size} is above this machine's {format_size(capacity_bytes)}: the kernel will act first")
    return limits, warnings


def _thresholds(limits: Limits) -> Thresholds:
    return Thresholds(*(limits[level].size_bytes for level in THRESHOLD_LEVELS))


def _config(values: dict[str, object], limits: Limits) -> MemoryGuardianConfig:
    """The values as one model. The limits are rounded down to megabytes in it."""
    sizes = {f"thresholds.{level}": max(1, limits[level].size_bytes // MEGABYTE_BYTES) for level in THRESHOLD_LEVELS}
    tables: dict[str, dict[str, object]] = {}
    for key, value in (values | sizes).items():
        table, _, name = key.rpartition(".")
        tables.setdefault(table, {})[name] = value
    single = tables.pop("", {})
    defaults = MemoryGuardianConfig()
    copies = {name: getattr(defaults, name).model_copy(update=content) for name, content in tables.items()}
    return defaults.model_copy(update=single | copies)
