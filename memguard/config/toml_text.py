"""A configuration that is written as TOML."""

import tomllib

from memguard.config.raw_file import decoded
from memguard.config.shown import shown
from memguard.core.errors import ConfigError


def parse_toml(path: str, data: bytes) -> dict[str, object]:
    """The tables in `data`, which is what the file at `path` holds; ConfigError, of one line, where it isn't TOML."""
    text = decoded(path, data)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: TOML errors, and numbers of 5,000 digits
        reason = "too deeply nested" if isinstance(error, RecursionError) else shown(str(error), 120)
        raise ConfigError(f"{shown(path)} is not valid TOML: {reason}", "correct that line") from None
