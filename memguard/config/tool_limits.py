"""`[tools]` of the person and of the project together: what a project's file says never loosens a budget."""

from memguard.config.layer import Layer
from memguard.config.settings_table import LEAST_BUDGET_MB, TOOLS
from memguard.config.shown import shown
from memguard.config.tool_patterns import MOST_PATTERNS
from memguard.core.tool_budgets import ToolBudget, budget_index, split_pattern

Budgets = dict[str, int]  # pattern -> megabytes, in the order of the file


def tool_limits(project: Layer, user: Layer) -> tuple[Budgets, dict[str, str], list[str]]:
    """The budgets that hold, where each is from (by `tools.<pattern>`), and a line for each that is ignored.

    The person's stand first, in their order.
    """
    own = budgets_in(user)
    accepted, warnings = _tightened(own, project)
    room = MOST_PATTERNS - len(own)
    added = [pattern for pattern in accepted if pattern not in own]
    for pattern in added[room:]:
        del accepted[pattern]
    if added[room:]:
        what = f"{len(added) - room} budgets of tools are ignored: with yours there are more than {MOST_PATTERNS}"
        warnings.append(f"{shown(project.source)}: {what}")
    holders = dict.fromkeys(own, user) | dict.fromkeys(accepted, project)
    keys = {f"{TOOLS}.{pattern}": layer for pattern, layer in holders.items()}
    return own | accepted, {key: layer.value_source(key) for key, layer in keys.items()}, warnings


def _tightened(own: Budgets, project: Layer) -> tuple[Budgets, list[str]]:
    """The project's budgets that make some call's lower, and a line for each that doesn't hold as it stands.

    Those of a file that the person trusts hold as they stand, where the person has none of that name.
    """
    if project.is_trusted:
        return {pattern: size for pattern, size in budgets_in(project).items() if pattern not in own}, []
    accepted: Budgets = {}
    warnings: list[str] = []
    for pattern, asked_mb in budgets_in(project).items():
        most_mb = _most_mb(own, pattern)
        size_mb = max(asked_mb, LEAST_BUDGET_MB)
        if most_mb is not None and asked_mb > most_mb:
            warnings.append(_loosening(project, pattern, asked_mb, most_mb))
        elif most_mb is None or size_mb < most_mb:
            accepted[pattern] = size_mb
            if size_mb != asked_mb:
                warnings.append(_too_low(project, pattern, asked_mb))
    return accepted, warnings


def budgets_in(layer: Layer) -> Budgets:
    """What one source says."""
    table = layer.values.get(TOOLS)
    return {str(pattern): int(str(size)) for pattern, size in table.items()} if isinstance(table, dict) else {}


def _most_mb(own: Budgets, pattern: str) -> int | None:
    """What the person's budgets leave to every call that `pattern` is for; None where they leave it open.

    A new `Bash(make*)` would otherwise take the place of the person's smaller `Bash`, and that one of `default`.
    """
    if pattern in own:
        return own[pattern]
    tool, _ = split_pattern(ToolBudget(pattern, 0))
    budgets = [ToolBudget(name, size) for name, size in own.items()]
    index = budget_index(budgets, tool, "")
    return None if index < 0 else budgets[index].size_bytes


def _loosening(project: Layer, pattern: str, asked_mb: int, most_mb: int) -> str:
    return (
        f"{shown(project.source)}: tools.{pattern} = {asked_mb} MB is ignored:"
        f" a project's file may only tighten ({most_mb} MB are yours)"
    )


def _too_low(project: Layer, pattern: str, asked_mb: int) -> str:
    return (
        f"{shown(project.source)}: tools.{pattern} = {asked_mb} MB counts as {LEAST_BUDGET_MB} MB,"
        " the least that a project's file may set"
    )
