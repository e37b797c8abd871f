"""The client, and what memguard keeps for all projects: keys, the runtime folder, live guards, orphans."""

import os
import shutil
from collections.abc import Callable

from memguard.cli.checks.check import FAIL, OK, WARN, Check
from memguard.cli.live import live_guards
from memguard.config import dirs
from memguard.config.load import load_config
from memguard.config.shown import shown
from memguard.core.errors import ConfigError
from memguard.core.layout import is_own_dir, project_root
from memguard.core.units import format_size
from memguard.host import helper
from memguard.host.capacity import capacity_bytes
from memguard.host.dead_guards import thaw_unwatched
from memguard.host.orphans import Orphans
from memguard.state.keys.folder import KeyFolder
from memguard.state.keys.standing import standings

# The one that the end-to-end tests run; a test holds this against their package.json.
TESTED_CLIENT = "2.1.330"
_VERSION_TIMEOUT_S = 10.0


def _client() -> Check:
    try:
        configured = load_config(project_root(os.getcwd()), capacity_bytes(), os.environ).config.client
    except ConfigError:
        configured = None  # said by the check of the configuration
    program = shutil.which(configured or "claude")
    if program is None:
        name = shown(configured) if configured else "`claude`"
        return Check(FAIL, f"{name} is not on PATH", "install Claude Code, or set `client` in your configuration")
    environment = dict(os.environ) | {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    answer = helper.ask([program, "--version"], environment, _VERSION_TIMEOUT_S)
    version = answer.text.split(" ", 1)[0].strip()
    where = f"{shown(program)}, {shown(version) or 'no version'}"
    if answer.code != 0 or not version[:1].isdigit():
        return Check(WARN, f"{where}: it doesn't tell its version", "run `claude --version`, and see what it says")
    if version != TESTED_CLIENT:
        return Check(
            WARN, f"{where}; memguard was tested with {TESTED_CLIENT}", "`memguard demo` shows what still works"
        )
    return Check(OK, f"{where}, which memguard was tested with")


def _keys() -> Check:
    """Nobody is asked for a passphrase, and no keyring for what it holds: `memguard key status` does that."""
    folder = KeyFolder(dirs.state_dir())
    found = standings(folder, asks_keyring=False)
    if not found:
        return Check(OK, "none yet; the first snapshot makes them")
    for each in found:
        if each.error and (each.is_current or each.snapshots):
            return Check(FAIL if each.is_current else WARN, each.error.what, each.error.next_step)
    return Check(OK, f"{shown(folder.path)}: snapshots can be sealed and opened (keys: {len(found)})")


def _runtime() -> Check:
    folder = dirs.runtime_dir()
    if is_own_dir(folder):
        return Check(OK, f"{shown(folder)}: yours alone")
    return Check(FAIL, f"{shown(folder)} could be changed by others", "set XDG_RUNTIME_DIR to a folder of yours alone")


def _guards() -> Check:
    """What a watchdog had stopped when it was killed goes on: its client waits for the very call."""
    thawed = thaw_unwatched(dirs.runtime_dir())
    guards = live_guards()
    lost = [str(guard.client.pid) for guard in guards if not guard.has_watchdog]
    if lost:
        next_step = "`memguard watch --pid PID` gives a client its watchdog back"
        what = f"{len(lost)} of {len(guards)} sessions have no watchdog: pid {', '.join(lost)}"
        more = "; what a killed one had stopped goes on again" if thawed else ""
        return Check(WARN, what + more, next_step)
    return Check(
        OK, f"{len(guards)} guarded sessions, each with its watchdog" if guards else "no session is guarded now"
    )


def _orphans() -> Check:
    config_dir = os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")
    trees = Orphans(dirs.runtime_dir(), [config_dir]).trees
    if not trees:
        return Check(OK, "none: dead sessions have left nothing")
    size = format_size(sum(tree.footprint_bytes for tree in trees))
    return Check(WARN, f"{len(trees)} trees of dead sessions hold {size}", "`memguard reap --dry-run` lists them")


CLIENT_CHECKS: dict[str, Callable[[], Check]] = {
    "client": _client,
    "keys": _keys,
    "runtime": _runtime,
    "guards": _guards,
    "orphans": _orphans,
}
