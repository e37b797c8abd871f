"""`memguard pause` and `memguard continue`: the person is in charge."""

import argparse
import os
import time

from memguard.config import dirs
from memguard.core.layout import PAUSE, private_dir, project_dir, project_key, project_root, remove, write_pairs
from memguard.core.pause import FOR_EVER
from memguard.core.units import parse_duration


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands."""
    pause = subparsers.add_parser("pause", help="take no action in this project, only watch and warn")
    pause.add_argument(
        "--for", dest="duration", metavar="TIME", help="for so long, such as 30m (default: until `continue`)"
    )
    pause.set_defaults(run=run_pause)
    resume = subparsers.add_parser("continue", help="end a pause")
    resume.set_defaults(run=run_continue)


def _path() -> str:
    key = project_key(project_root(os.getcwd()))
    return f"{private_dir(project_dir(dirs.state_dir(), key))}/{PAUSE}"


def run_pause(arguments: argparse.Namespace) -> int:
    """Write until when no action is wanted."""
    until = FOR_EVER
    if arguments.duration:
        until = f"{time.time() + parse_duration(arguments.duration):.0f}"
    write_pairs(_path(), {"until_utc": until})
    shown = "until `memguard continue`" if until == FOR_EVER else f"for {arguments.duration}"
    print(f"memguard acts on nothing in this project {shown}; it goes on watching and warning")
    return 0


def run_continue(_: argparse.Namespace) -> int:
    """Remove the pause."""
    was_paused = remove(_path())
    print("memguard acts again in this project" if was_paused else "memguard was not paused in this project")
    return 0
