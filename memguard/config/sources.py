"""The four places that a setting may come from, each read into a layer."""

import difflib
import os
from collections.abc import Mapping

import platformdirs

from memguard.config.layer import Layer, checked_layer
from memguard.config.settings_table import BY_NAME, BY_VARIABLE, SETTINGS
from memguard.config.shown import shown
from memguard.config.toml_file import read_toml
from memguard.core.errors import ConfigError

PROJECT_FILE = ".memguard.toml"
_SWITCH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def user_config_path() -> str:
    """Where the person's own configuration is."""
    return os.path.join(platformdirs.user_config_dir("memguard", appauthor=False), "config.toml")


def project_layer(root: str) -> Layer:
    """What the project's file says; a file that can't be used at all is an empty layer with one problem."""
    path = os.path.join(root, PROJECT_FILE)
    try:
        data = read_toml(path, inside=root)
    except ConfigError as error:
        return Layer(path, problems=[f"{error.what}; it is ignored"])
    return checked_layer(path, data or {})


def user_layer() -> Layer:
    """What the person's own file says; ConfigError where it can't be read."""
    path = user_config_path()
    return checked_layer(path, read_toml(path) or {})


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """What `MEMGUARD_...` variables say; an empty one counts as not set."""
    given = {BY_VARIABLE[name].key: text for name, text in environ.items() if name in BY_VARIABLE and text.strip()}
    return checked_layer("environment", _tables(given), lambda key: SETTINGS[key].variable if key in SETTINGS else key)


def command_line_layer(overrides: Mapping[str, str | None]) -> Layer:
    """What was typed as options, by setting name."""
    given = {BY_NAME[name].key: text for name, text in overrides.items() if text is not None}
    return checked_layer("command line", _tables(given), lambda key: SETTINGS[key].option if key in SETTINGS else key)


def _tables(given: Mapping[str, str]) -> dict[str, object]:
    """Text by key, as the tables that a file would hold, with numbers where a number is meant."""
    tables: dict[str, object] = {}
    for key, text in given.items():
        table, _, name = key.rpartition(".")
        holder = tables.setdefault(table, {}) if table else tables
        if isinstance(holder, dict):
            holder[name] = _typed(text, SETTINGS[key].default)
    return tables


def _typed(text: str, default: object) -> object:
    if isinstance(default, bool):
        return _SWITCH.get(text.strip().lower(), text)
    return _number(text) if isinstance(default, int | float) else text


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A mistyped variable would otherwise silently do nothing; it may also be another program's, so no error."""
    lines = []
    for name in sorted(name for name in environ if name.startswith("MEMGUARD_") and name not in BY_VARIABLE):
        near = difflib.get_close_matches(name[:100], list(BY_VARIABLE), n=1, cutoff=0.8)
        if near:
            lines.append(f"environment: {shown(name)} is not a setting; did you mean {near[0]}?")
    return lines
