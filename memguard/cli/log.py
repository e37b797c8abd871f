"""`memguard log`: memguard's own log, and what is being written into it."""

import argparse
import sys
import time
from collections.abc import Iterable

from memguard.config import dirs
from memguard.core.errors import ConfigError, UsageError
from memguard.core.layout import log_path
from memguard.core.log import LEVELS
from memguard.core.units import parse_duration
from memguard.logs.entries import LogEntry, entry_of
from memguard.logs.follower import LogFollower

# What a person takes for at once.
_LOOK_S = 0.25


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("log", help="what memguard has done, and what went wrong")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is written, until Ctrl-C")
    parser.add_argument("--level", metavar="LEVEL", default="debug", help="debug, info, warning, error, critical")
    parser.add_argument("--since", metavar="TIME", help="only what is not older, such as 10m, 2h, 3d")
    parser.add_argument("-n", "--lines", metavar="N", help="at most so many lines of what is there")
    parser.add_argument("--json", action="store_true", help="a JSON object for each line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the lines that are there, the oldest first; with `-f`, those that come as well."""
    level, since_utc, most = _level(arguments.level), _since_utc(arguments.since), _most(arguments.lines)
    with LogFollower(log_path(dirs.state_dir())) as follower:
        present = _wanted([*follower.earlier(), *follower.lines()], level, since_utc)
        _show(present[len(present) - most :] if most is not None and most < len(present) else present, arguments.json)
        while arguments.follow:
            time.sleep(_LOOK_S)
            _show(_wanted(follower.lines(), level, since_utc), arguments.json)
    return 0


def _wanted(lines: Iterable[str], level: str, since_utc: float) -> list[LogEntry]:
    entries = [entry for line in lines if (entry := entry_of(line))]
    return [entry for entry in entries if entry.is_at_least(level) and entry.t_utc >= since_utc]


def _show(entries: list[LogEntry], is_json: bool) -> None:
    for entry in entries:
        print(entry.json() if is_json else entry.human())
    sys.stdout.flush()


def _level(text: str) -> str:
    if text.upper() not in LEVELS:
        raise UsageError(f"{text[:40]!r} is not a level", f"it is one of {', '.join(map(str.lower, LEVELS))}")
    return text.upper()


def _since_utc(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return time.time() - parse_duration(text)
    except (ConfigError, OverflowError):
        raise UsageError(f"{text[:40]!r} is not a duration", "write one such as 45s, 10m or 2h") from None


def _most(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"{text[:40]!r} is not a number of lines", "write one such as 20")
    return int(text)
