"""One set of values over another, as `[platform.linux]` over the tables of the same file."""

from collections.abc import Mapping

from memguard.config.settings_table import SETTINGS

_PERCENT = "_percent"


def overridden(values: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """`values` by key, with those of `over` in their place.

    Where `over` gives a size, a percentage of the same name goes, and the other way round: what is more particular
    counts, in whichever of the two ways it says it. Of tables whose keys the person makes up, lines are replaced one
    by one.
    """
    gone = {twin for key in over if (twin := _twin(key)) and twin not in over}
    kept = {key: value for key, value in values.items() if key not in gone}
    return kept | {key: _laid_over(kept.get(key), value) for key, value in over.items()}


def _twin(key: str) -> str:
    """The same limit, said the other way; empty where there is only one."""
    other = key.removesuffix(_PERCENT) if key.endswith(_PERCENT) else key + _PERCENT
    return other if other in SETTINGS else ""


def _laid_over(below: object, above: object) -> object:
    return below | above if isinstance(below, dict) and isinstance(above, dict) else above


def tables_of(values: Mapping[str, object]) -> dict[str, object]:
    """Values by key, as the tables that a file would hold."""
    tables: dict[str, object] = {}
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        holder = tables.setdefault(table, {}) if table else tables
        if isinstance(holder, dict):
            holder[name] = value
    return tables
