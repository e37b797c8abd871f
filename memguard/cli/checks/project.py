"""The project of the working directory: is it opted in, do its hooks run, is what they read up to date?"""

import json
import os
from collections.abc import Callable
from typing import Any

from memguard.cli.checks.check import FAIL, OK, WARN, Check
from memguard.cli.secret_rules import COMPILING, READY, rules_folder, rules_state, rules_trouble, told
from memguard.config import dirs
from memguard.config.compile import compiled_pairs
from memguard.config.load import load_config
from memguard.config.shown import shown
from memguard.core.layout import COMPILED, project_dir, project_root, read_pairs
from memguard.host.capacity import capacity_bytes
from memguard.optin.events import EVENTS, is_own
from memguard.optin.project import ProjectOptIn
from memguard.optin.settings_file import settings_file

_INIT = "run `memguard init` here"


def _project() -> ProjectOptIn:
    return ProjectOptIn(project_root(os.getcwd()), dirs.state_dir())


def _opted_in() -> Check:
    project = _project()
    if project.is_in:
        return Check(OK, f"{shown(project.root)} is opted in ({project.scope} settings)")
    return Check(WARN, f"{shown(project.root)} is not opted in", "`memguard init` opts it in, which can be undone")


def _hooks() -> Check:
    project = _project()
    if not project.is_in:
        return Check(OK, "none are wanted in a project that is not opted in")
    file = settings_file(project.scope or "local", project.root)
    try:
        settings = json.loads(file.read() or b"{}")
    except ValueError:
        return Check(FAIL, f"{file.name} is not JSON", "correct it; the client reads no settings from it either")
    entries = _own_entries(settings)
    missing = [event.name for event in EVENTS if event.name not in entries]
    if missing:
        return Check(FAIL, f"{file.name} lacks hooks for {', '.join(missing)}", _INIT)
    gone = sorted({path for entry in entries.values() for path in _paths(entry) if not os.path.exists(path)})
    if gone:
        return Check(FAIL, f"the hooks need {shown(gone[0])}, which is not there", f"{_INIT} with the memguard you use")
    if isinstance(settings, dict) and settings.get("disableAllHooks") is True:
        return Check(FAIL, f"{file.name} switches all hooks off", "remove `disableAllHooks` from it")
    return Check(OK, f"{len(entries)} in {file.name}, interpreter and scripts are there")


def _own_entries(settings: Any) -> dict[str, dict[str, Any]]:
    """Event -> memguard's own entry; whatever is odd in the file counts as absent."""
    hooks = settings.get("hooks") if isinstance(settings, dict) else None
    found: dict[str, dict[str, Any]] = {}
    for event, groups in hooks.items() if isinstance(hooks, dict) else ():
        for group in groups if isinstance(groups, list) else ():
            entries = group.get("hooks") if isinstance(group, dict) else None
            own = [entry for entry in entries if is_own(entry)] if isinstance(entries, list) else []
            if own:
                found[event] = own[0]
    return found


def _paths(entry: dict[str, Any]) -> list[str]:
    """What an entry needs on disk: the interpreter and the script, or the shim of settings that are shared."""
    if "args" in entry:
        return [str(entry.get("command")), str(entry["args"][2])]
    return [os.path.join(dirs.state_dir(), "hook")]


def _compiled() -> Check:
    project = _project()
    if not project.is_in:
        return Check(OK, "none is wanted in a project that is not opted in")
    pairs = read_pairs(f"{project_dir(project.state_dir, project.key)}/{COMPILED}")
    if not os.access(pairs.get("python", ""), os.X_OK):
        return Check(FAIL, "the interpreter that watchdogs are started with is gone", _INIT)
    loaded = load_config(project.root, capacity_bytes())
    wanted = compiled_pairs(project.root, dirs.runtime_dir(), loaded, pairs["python"])
    # PATH and home are of the shell that `init` was typed in.
    changed = [name for name, value in wanted.items() if name not in ("path", "home") and pairs.get(name) != str(value)]
    if changed or set(pairs) - set(wanted):
        more = ", ".join(sorted({*changed, *(set(pairs) - set(wanted))})[:5])
        return Check(WARN, f"the configuration has changed since ({more})", f"{_INIT}, or start a `memguard run`")
    faults = "; ".join(loaded.lines)
    return (
        Check(WARN, shown(faults, 300), "`memguard config check`") if faults else Check(OK, "compiled and up to date")
    )


def _secrets() -> Check:
    project = _project()
    state = rules_state(project.state_dir, load_config(project.root, capacity_bytes()).config)
    if state == COMPILING:
        return Check(
            WARN, "the rules of the extra `secrets` are not compiled yet", f"{_INIT}, and wait for some seconds"
        )
    why = rules_trouble(project.state_dir) if state == READY else ""
    if why:
        said = f"replaced in snapshots, by memguard's own rules alone: {why}"
        return Check(WARN, said, f"remove {shown(rules_folder(project.state_dir))}, and {_INIT}")
    return Check(OK, told(state))


PROJECT_CHECKS: dict[str, Callable[[], Check]] = {
    "project": _opted_in,
    "hooks": _hooks,
    "configuration": _compiled,
    "secrets": _secrets,
}
