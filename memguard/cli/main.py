"""`memguard`: reads the command line, runs one command, turns errors into one line and an exit code.

Exit codes: 0 done; 1 it could not; 2 wrong usage; 3 a defect in memguard; 130 interrupted. `run` returns the
client's own.
"""

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence

from memguard import __version__
from memguard.cli.run import separated
from memguard.core.errors import MemguardError

COMMANDS = (
    "demo", "init", "uninstall", "run", "status", "pause", "restart", "snapshot", "snapshots", "restore", "key",
    "config", "reap", "watch", "doctor", "plugins", "log",
)  # fmt: skip
_DEFECT = 3
_INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    try:
        typed = list(sys.argv[1:] if words is None else words)
        arguments = _arguments(separated(typed) if typed[:1] == ["run"] else typed)
        code: int = arguments.run(arguments)
    except MemguardError as error:
        sys.stderr.write(f"memguard: {error.what}\n  {error.next_step}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        return 0  # the reader, such as `head`, has had enough
    except Exception:  # noqa: BLE001  the last line of defence, which writes everything down
        return _report_defect()
    return code


def _arguments(typed: list[str]) -> argparse.Namespace:
    """As argparse reads them; but of `restore`, what follows `--` is never its optional ID."""
    if typed[:1] != ["restore"] or "--" not in typed:
        return _parser().parse_args(typed)
    end = typed.index("--")
    arguments = _parser().parse_args(typed[:end])
    arguments.arguments = typed[end + 1 :]
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="memguard", description="The memory guardian for Claude Code.")
    parser.add_argument("--version", action="version", version=f"memguard {__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"memguard.cli.{name}").add_parser(subparsers)
    return parser


def _report_defect() -> int:
    """A defect goes to the log with its traceback, which holds code lines only; the person gets the log's path."""
    from memguard.config.dirs import state_dir
    from memguard.core.layout import log_path
    from memguard.logs.logger import logger_of

    try:
        folder = state_dir()
    except MemguardError:
        sys.stderr.write(f"memguard: a defect in memguard\n{traceback.format_exc(limit=-3)}\n")
        return _DEFECT
    for line in traceback.format_exc().splitlines():
        logger_of(folder).error("defect: %s", line)
    sys.stderr.write(f"memguard: a defect in memguard\n  please report it with the end of {log_path(folder)}\n")
    return _DEFECT
