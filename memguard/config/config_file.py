"""The one configuration file of a folder: TOML or YAML, and never both."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from memguard.config.raw_file import read_raw
from memguard.config.shown import shown
from memguard.config.toml_text import parse_toml
from memguard.config.yaml_text import parse_yaml
from memguard.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says: its tables, and the SHA-256 of the very bytes that they were read from (empty: no file)."""

    path: str
    tables: dict[str, object] = field(default_factory=dict)
    sha256: str = ""


def config_path(folder: str, names: Sequence[str]) -> str:
    """The first file of these names that is there; the first name where none is."""
    return next((path for path in _paths(folder, names) if os.path.lexists(path)), os.path.join(folder, names[0]))


def read_config_file(folder: str, names: Sequence[str], inside: str | None = None) -> ConfigFile:
    """Read the file of these names. ConfigError, of one line, where there are two, or it can't be used.

    With `inside`, a folder, a link that leads out of it is refused.
    """
    found = [path for path in _paths(folder, names) if os.path.lexists(path)]
    if len(found) > 1:
        raise ConfigError(
            f"{shown(found[0])} has {shown(os.path.basename(found[1]))} beside it: only one of the two may be there",
            "keep one of the two",
        )
    misnamed = "" if found else _misnamed(folder, names)
    if misnamed:
        raise ConfigError(f"{shown(misnamed)} is not read: its name has to end in .yaml", "rename it")
    path = config_path(folder, names)
    data = read_raw(path, inside)
    if data is None:
        return ConfigFile(path)
    parse = parse_yaml if path.endswith(".yaml") else parse_toml
    return ConfigFile(path, parse(path, data), hashlib.sha256(data).hexdigest())


def _misnamed(folder: str, names: Sequence[str]) -> str:
    """A file that would otherwise silently do nothing."""
    paths = [path.removesuffix("yaml") + "yml" for path in _paths(folder, names) if path.endswith(".yaml")]
    return next((path for path in paths if os.path.lexists(path)), "")


def _paths(folder: str, names: Sequence[str]) -> list[str]:
    return [os.path.join(folder, name) for name in names]
