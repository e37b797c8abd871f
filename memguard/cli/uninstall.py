"""`memguard uninstall`: opt the project of the working directory out again."""

import argparse
import dataclasses
import json
import os
import sys

from memguard.cli.byte_code import remove_byte_code
from memguard.cli.secret_rules import remove_secret_rules
from memguard.config import dirs
from memguard.config.shown import shown
from memguard.core.layout import project_root
from memguard.optin.project import Outcome, ProjectOptIn
from memguard.optin.settings_file import SCOPES


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("uninstall", help="opt this project out: everything as it was before `init`")
    parser.add_argument(
        "--scope", choices=SCOPES, default="", help="whose settings (default: those that `init` changed)"
    )
    parser.add_argument("--purge", action="store_true", help="remove this project's snapshots and records too")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Opt out, and say what was done."""
    state_dir = dirs.state_dir()
    project = ProjectOptIn(project_root(os.getcwd()), state_dir)
    was_in = project.is_in
    outcome = project.opt_out(arguments.scope, purge=arguments.purge)
    if arguments.purge:
        remove_byte_code(state_dir)
        remove_secret_rules(state_dir)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(outcome) | {"was_opted_in": was_in, "purged": arguments.purge}, indent=2))
    else:
        _tell(outcome, was_in, kept="" if arguments.purge else project.folder)
    return 0


def _tell(outcome: Outcome, was_in: bool, kept: str) -> None:
    state = "is opted out" if was_in else "was not opted in"
    print(f"memguard: {shown(outcome.project)} {state}")
    print(f"  hooks   {'removed from' if outcome.settings_changed else 'nothing changed in'} {shown(outcome.settings)}")
    if outcome.config_file_changed:
        print(f"  config  {shown(outcome.config_file)} removed: nothing in it had been changed")
    elif os.path.lexists(outcome.config_file):
        print(f"  config  {shown(outcome.config_file)} kept: it isn't as `memguard init` wrote it")
    if kept and os.path.isdir(kept):
        print(f"  kept    {shown(kept)} (snapshots and records; remove with --purge)")
    for line in outcome.notes:
        print(f"memguard: note: {shown(line, 400)}", file=sys.stderr)
