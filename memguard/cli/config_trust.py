"""`memguard config trust`: let this project's file do more than tighten, as it is now."""

import argparse
import os
import sys

from memguard.cli.config_text import setting_text
from memguard.cli.run import refuse_inside_session
from memguard.config import dirs
from memguard.config.asking import Request, requests
from memguard.config.compile import compile_project
from memguard.config.layer import Layer
from memguard.config.load import load_config
from memguard.config.shown import shown
from memguard.config.sources import project_layers, user_layers
from memguard.config.trust import forget_trust, record_trust, with_trust
from memguard.core.errors import ConfigError
from memguard.core.layout import project_root
from memguard.host.capacity import capacity_bytes
from memguard.optin.project import ProjectOptIn

_LONGEST = 5000  # nothing of what is agreed to is cut: a path has at most 4096 characters


def add_trust_parser(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the part."""
    parser = parts.add_parser("trust", help="let this project's file do more than tighten, until it changes")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--yes", action="store_true", help="show what it asks for, and trust it without asking")
    which.add_argument("--revoke", action="store_true", help="trust it no more")
    parser.set_defaults(run=run_trust)


def run_trust(arguments: argparse.Namespace) -> int:
    """Show what the file asks for, ask, and record its digest; exit code 1 where it isn't trusted in the end."""
    root = project_root(os.getcwd())
    if arguments.revoke:
        return _revoke(root)
    refuse_inside_session(dirs.runtime_dir())
    projects = project_layers(root)  # one reading: what is shown is what is trusted
    project, forgotten = with_trust(root, next(iter(projects.values())))
    if forgotten:
        _note(forgotten)
    if not project.sha256:
        what = project.fault_line or f"{shown(root)} has no configuration file"
        raise ConfigError(what, "only a file that can be read can be trusted")
    if project.is_trusted:
        print(f"memguard: {shown(project.source)} is trusted already; `memguard config trust --revoke` takes it back")
        return 0
    return _propose(root, projects, has_consent=arguments.yes)


def _revoke(root: str) -> int:
    was_trusted = forget_trust(root)
    print("memguard: the project's file may only tighten again" if was_trusted else "memguard: no file here is trusted")
    if was_trusted:
        _recompile(root)
    return 0


def _propose(root: str, projects: dict[str, Layer], *, has_consent: bool) -> int:
    project = next(iter(projects.values()))
    asked, ignored = requests(projects, user_layers(), capacity_bytes())
    if not asked:
        _tell_ignored(ignored)
        print(f"memguard: nothing in {shown(project.source)} needs trust: what it tightens counts as it is")
        return 0
    print(f"{shown(project.source)} asks for what a project's file may not set by itself:")
    for request in asked:
        print(_line(request))
    _tell_ignored(ignored)
    if not (has_consent or _is_wanted()):
        print("memguard: not trusted; nothing has changed")
        return 1
    record_trust(root, project)
    _recompile(root)
    print("memguard: trusted as it is now, until it changes; `memguard config trust --revoke` takes it back")
    return 0


def _line(request: Request) -> str:
    now = setting_text(request.key, request.now, _LONGEST)
    line = f"{request.key} = {setting_text(request.key, request.then, _LONGEST)} (now {now})"
    return f"  {line}{' (yours counts now)' * request.is_overridden}{f' {request.place}' if request.place else ''}"


def _tell_ignored(lines: list[str]) -> None:
    for line in lines:
        _note(line)


def _note(line: str) -> None:
    sys.stdout.flush()
    print(f"memguard: note: {shown(line, 400)}", file=sys.stderr)


def _is_wanted() -> bool:
    """Ask, where there is somebody to ask."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _note("nobody can be asked here: `memguard config trust --yes` trusts without asking")
        return False
    try:
        return input("Trust this file as it is now? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def _recompile(root: str) -> None:
    """Hooks read the compiled copy alone, so what is trusted, or no longer is, has to reach it."""
    state_dir = dirs.state_dir()
    if ProjectOptIn(root, state_dir).is_in:
        compile_project(root, state_dir, dirs.runtime_dir(), load_config(root, capacity_bytes()))
