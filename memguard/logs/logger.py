"""What heavy code logs with: a logger of `logging`'s, whose lines go into a state folder's log."""

import functools
import logging

from memguard.core.layout import read_pairs
from memguard.core.log import use_log
from memguard.logs.handler import StateFolderHandler

Logger = logging.LoggerAdapter[logging.Logger]

# Apart from the loggers that are named after modules: a program that embeds memguard has its own idea of those.
_NAME = "memguard.log-file"


def logger_of(state_dir: str, compiled: str = "") -> Logger:
    """A logger into the log of `state_dir`.

    Level and format are those of the project's `compiled` file, by its path; without one, of the person's own file.
    Variables don't count: what starts a worker may have them from a repository's settings.
    """
    _go_by(compiled)
    return logging.LoggerAdapter(_logger(), {"state_dir": state_dir})


@functools.cache
def _logger() -> logging.Logger:
    logger = logging.getLogger(_NAME)
    logger.setLevel(logging.DEBUG)  # the handler knows better
    logger.propagate = False
    logger.addHandler(StateFolderHandler())
    return logger


@functools.lru_cache(maxsize=8)
def _go_by(compiled: str) -> None:
    """Once per process and file: a worker is short-lived."""
    if compiled:
        pairs = read_pairs(compiled)
        use_log(pairs.get("log_level", ""), pairs.get("log_format", ""))
        return
    from memguard.config.settings_table import SETTINGS  # 0.2 s: a worker that knows its project does without
    from memguard.config.sources import user_layer

    values = user_layer().values
    level, kind = (values.get(key, SETTINGS[key].default) for key in ("log.level", "log.format"))
    use_log(str(level).upper(), str(kind))
