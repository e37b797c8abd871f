"""`memguard doctor`: whether memguard can do its work here, a line for each thing that it needs."""

import argparse
import json
import os
from collections.abc import Callable

from memguard.cli.checks.check import FAIL, OK, WARN, Check
from memguard.cli.checks.here import HOST_CHECKS
from memguard.cli.checks.installed import CLIENT_CHECKS
from memguard.cli.checks.project import PROJECT_CHECKS
from memguard.core.errors import MemguardError
from memguard.core.log import printable

_MARKS = {OK: "ok  ", WARN: "warn", FAIL: "FAIL"}
_LINE = 400


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("doctor", help="whether memguard can do its work here; exit code 1 where it can't")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each check, and for what isn't well what to do next."""
    checks = [_made(name, make) for name, make in (HOST_CHECKS | CLIENT_CHECKS | PROJECT_CHECKS).items()]
    if arguments.json:
        print(json.dumps([check.to_dict() for check in checks], indent=2))
    else:
        print("\n".join(map(_line, checks)))
    return 1 if any(check.status == FAIL for check in checks) else 0


def _made(name: str, make: "Callable[[], Check]") -> Check:
    """One check; what goes wrong in it is its result."""
    try:
        check = make()
    except MemguardError as error:
        check = Check(FAIL, error.what, error.next_step)
    except OSError as error:
        check = Check(FAIL, f"{os.strerror(error.errno or 0)}: {error.filename or '?'}", "check the path's permissions")
    check.name = name
    return check


def _line(check: Check) -> str:
    label = f" [{check.label}]" if check.label else ""
    following = f"\n       {'':14}{printable(check.next_step, _LINE)}" if check.next_step else ""
    return f"{_MARKS[check.status]}  {check.name:13} {printable(check.what, _LINE)}{label}{following}"
