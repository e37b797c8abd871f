"""`memguard init`: opt the project of the working directory in."""

import argparse
import dataclasses
import json
import os
import subprocess
import sys

from memguard.cli.byte_code import prepare_byte_code
from memguard.cli.secret_rules import prepare_secret_rules, told
from memguard.config import dirs
from memguard.config.load import LoadedConfig, load_config
from memguard.config.shown import shown
from memguard.core.layout import project_root
from memguard.core.units import format_size
from memguard.optin.events import EVENTS
from memguard.optin.project import Outcome, ProjectOptIn
from memguard.optin.settings_file import SCOPES

_GIT_TIMEOUT_S = 2


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("init", help="opt this project in: hooks, settings, limits")
    parser.add_argument(
        "--scope",
        choices=SCOPES,
        default="",
        help="whose settings get the hooks: yours here (local, the default), everyone's here (project),"
        " or yours everywhere (user)",
    )
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Opt in, and say what was done and how to undo it.

    What is compiled lasts, so only files count here: a variable is for the command that it was typed with.
    """
    from memguard.host.capacity import capacity_bytes

    root = project_root(os.getcwd())
    loaded = load_config(root, capacity_bytes())
    state_dir = dirs.state_dir()
    outcome = ProjectOptIn(root, state_dir).opt_in(loaded, dirs.runtime_dir(), arguments.scope)
    prepare_byte_code(state_dir)
    rules = prepare_secret_rules(state_dir, loaded.config)
    if outcome.scope == "local" and _is_tracked_by_git(root, outcome.settings):
        outcome.notes.append(f"git doesn't ignore {_relative(outcome.settings, root)}: it holds paths of this machine")
    if arguments.json:
        print(json.dumps(_facts(outcome, loaded) | {"secret_rules": rules}, indent=2))
    else:
        _tell(outcome, loaded, told(rules))
    return 0


def _facts(outcome: Outcome, loaded: LoadedConfig) -> dict[str, object]:
    limits = {f"{name}_bytes": getattr(loaded.limits, f"{name}_bytes") for name in ("warning", "critical", "emergency")}
    return dataclasses.asdict(outcome) | limits | {"mode": loaded.config.mode, "warnings": loaded.lines}


def _tell(outcome: Outcome, loaded: LoadedConfig, secrets: str) -> None:
    root, limits = outcome.project, loaded.limits
    done = "added to" if outcome.settings_changed else "already in"
    print(f"memguard: {shown(root)} is opted in ({loaded.config.mode})")
    print(f"  hooks   {len(EVENTS)} {done} {_relative(outcome.settings, root)}")
    sizes = (limits.warning_bytes, limits.critical_bytes, limits.emergency_bytes)
    print("  limits  warning {}, critical {}, emergency {}".format(*map(format_size, sizes)))
    written = "written, all commented out" if outcome.config_file_changed else "left as it is"
    print(f"  config  {_relative(outcome.config_file, root)} {written}")
    print(f"  secrets {secrets}")
    print("  undo    memguard uninstall")
    for line in [*loaded.lines, *outcome.notes]:
        print(f"memguard: note: {shown(line, 400)}", file=sys.stderr)


def _relative(path: str, root: str) -> str:
    return shown(os.path.relpath(path, root) if path.startswith(root + os.sep) else path)


def _is_tracked_by_git(root: str, path: str) -> bool:
    """Whether git would take the file in. Nothing that a repository's configuration names is run for it."""
    if not os.path.exists(os.path.join(root, ".git")):
        return False
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", root, "check-ignore", "-q"]
    try:
        answer = subprocess.run(
            [*command, "--no-index", "--", path], check=False, timeout=_GIT_TIMEOUT_S, capture_output=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 1
