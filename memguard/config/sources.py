"""The places that a setting may come from, each read into a layer."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import platformdirs

from memguard.config.config_file import config_path, read_config_file
from memguard.config.layer import Layer, checked_layer
from memguard.config.overriding import tables_of
from memguard.config.platform_table import all_platforms
from memguard.config.settings_table import BY_NAME, BY_VARIABLE, SETTINGS, Setting
from memguard.config.shown import shown
from memguard.core.errors import ConfigError

PROJECT_FILES = (".memguard.toml", ".memguard.yaml")  # one of the two
USER_FILES = ("config.toml", "config.yaml")
# What is no number where a setting has no default.
_WORDS = ("path", "name")
_SWITCH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def user_config_path() -> str:
    """Where the person's own configuration is, or would be."""
    return config_path(_user_folder(), USER_FILES)


def _user_folder() -> str:
    return platformdirs.user_config_dir("memguard", appauthor=False)


def project_config_path(root: str) -> str:
    """Where the project's configuration is, or would be."""
    return config_path(root, PROJECT_FILES)


def project_layer(root: str) -> Layer:
    """What the project's file says; a file that can't be used at all is an empty layer with one problem."""
    return _file_layer(root, PROJECT_FILES, inside=root)


def user_layer() -> Layer:
    """What the person's own file says; a file that can't be used at all is an empty layer with one problem."""
    return _file_layer(_user_folder(), USER_FILES)


def project_layers(root: str) -> dict[str, Layer]:
    """What the project's file says on each of `all_platforms`, by name, from one reading of it."""
    return dict(zip(all_platforms(), _file_layers(root, PROJECT_FILES, all_platforms(), root), strict=True))


def user_layers() -> dict[str, Layer]:
    """The same of the person's own file."""
    return dict(zip(all_platforms(), _file_layers(_user_folder(), USER_FILES, all_platforms()), strict=True))


def _file_layer(folder: str, names: tuple[str, ...], inside: str | None = None) -> Layer:
    return _file_layers(folder, names, [None], inside)[0]


def _file_layers(
    folder: str, names: tuple[str, ...], platforms: Sequence[str | None], inside: str | None = None
) -> list[Layer]:
    try:
        file = read_config_file(folder, names, inside)
    except ConfigError as error:
        return [Layer(config_path(folder, names), problems=[f"{error.what}; it is ignored"])] * len(platforms)
    layers = [checked_layer(file.path, file.tables, platform=platform) for platform in platforms]
    return [replace(layer, sha256=file.sha256) for layer in layers]


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """What `MEMGUARD_...` variables say; an empty one counts as not set."""
    given = {BY_VARIABLE[name].key: text for name, text in environ.items() if name in BY_VARIABLE and text.strip()}
    return checked_layer(
        "environment", _typed_tables(given), lambda key: SETTINGS[key].variable if key in SETTINGS else key
    )


def command_line_layer(overrides: Mapping[str, str | None]) -> Layer:
    """What was typed as options, by setting name."""
    given = {BY_NAME[name].key: text for name, text in overrides.items() if text is not None}
    return checked_layer(
        "command line", _typed_tables(given), lambda key: SETTINGS[key].option if key in SETTINGS else key
    )


def _typed_tables(given: Mapping[str, str]) -> dict[str, object]:
    """Text by key, as the tables that a file would hold, with numbers where a number is meant."""
    return tables_of({key: _typed(text, SETTINGS[key]) for key, text in given.items()})


def _typed(text: str, setting: Setting) -> object:
    default = setting.default
    if isinstance(default, bool):
        return _SWITCH.get(text.strip().lower(), text)
    is_number = isinstance(default, int | float) or (default is None and setting.unit not in _WORDS)
    return _number(text) if is_number else text


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
