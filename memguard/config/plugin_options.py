"""`[plugins.<name>]`: tables whose keys are a plugin's own, so that all that can be checked here is their size."""

import json
from collections.abc import Collection

MOST_PLUGINS = 30
# The compiled file, which hooks read as well, has 64 KB in all.
_LONGEST_OPTIONS = 16384
_OPTIONS = "options"


def folded(table: object, settings: Collection[str]) -> object:
    """The tables of single plugins, `[plugins.<name>]`, put together under `options`; anything else as it is.

    A table of the name of one of the `settings` is left where it is: it is a fault, and no plugin.
    """
    if not isinstance(table, dict):
        return table
    own = {name: value for name, value in table.items() if isinstance(value, dict) and name not in settings}
    if not own:
        return table
    rest = {name: value for name, value in table.items() if name not in own}
    given = rest.get(_OPTIONS, {})
    return {**rest, _OPTIONS: {**given, **own} if isinstance(given, dict) else given}


def checked_options(options: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """The same. Raises ValueError where a value has no form in JSON (a date), or they are too long together."""
    if len(options_text(options)) > _LONGEST_OPTIONS:
        raise ValueError(f"of all plugins together are longer than {_LONGEST_OPTIONS} characters")
    return options


def options_text(options: dict[str, dict[str, object]]) -> str:
    """One line of JSON, in ASCII."""
    try:
        return json.dumps(options)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("hold what is no text, number, truth value, list or table") from None


def distinct(names: list[str]) -> list[str]:
    """The same. Raises ValueError for a name that is there twice."""
    if len(set(names)) < len(names):
        raise ValueError("names a plugin twice")
    return names
