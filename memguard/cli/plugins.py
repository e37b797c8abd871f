"""`memguard plugins list`: what is installed, what is enabled, and how it does in the sessions that run."""

import argparse
import json
import os
import sys

from memguard.cli.live import live_guards
from memguard.cli.plugin_state import failure_text, plugins_in
from memguard.config.load import LoadedConfig, load_config
from memguard.config.shown import shown
from memguard.core.layout import project_root
from memguard.host.capacity import capacity_bytes

_NOT_INSTALLED = "not installed"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its part."""
    parser = subparsers.add_parser("plugins", help="the plugins that are installed, enabled, or were disabled")
    parts = parser.add_subparsers(title="parts", required=True, metavar="PART")
    listing = parts.add_parser("list", help="every plugin, and what became of it in the sessions that run")
    listing.add_argument("--json", action="store_true", help="print it as JSON")
    listing.set_defaults(run=run_list)


def run_list(arguments: argparse.Namespace) -> int:
    """Print one line per plugin, below it one per session where it was called or disabled; nothing is imported."""
    loaded = load_config(project_root(os.getcwd()), capacity_bytes(), os.environ)
    found = reports(loaded)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(line for report in found for line in _lines(report)))
    for warning in loaded.warnings:
        print(f"memguard: note: {shown(warning, 400)}", file=sys.stderr)
    return 0


def reports(loaded: LoadedConfig) -> list[dict[str, object]]:
    """Each plugin that is installed or enabled: the enabled ones first, in their order."""
    from memguard.plugins.installed import installed_plugins  # of all commands, this one alone needs pluggy

    enabled = loaded.config.plugins.enabled
    origins: dict[str, list[str]] = {}
    for plugin in installed_plugins():
        origins.setdefault(plugin.name, []).append(f"{plugin.distribution} {plugin.version}")
    names = [*enabled, *(name for name in origins if name not in enabled)]
    sessions = _sessions()
    return [
        {
            "name": name,
            "enabled": name in enabled,
            "installed_by": origins.get(name, []),
            "sessions": sessions.get(name, []),
        }
        for name in names
    ]


def _sessions() -> dict[str, list[dict[str, object]]]:
    """By plugin, what the watchdogs of the live sessions say of it."""
    found: dict[str, list[dict[str, object]]] = {}
    for guard in live_guards():
        for entry in plugins_in(guard.status()):
            found.setdefault(str(entry["name"]), []).append({"session": guard.session_id, **entry})
    return found


def _lines(report: dict[str, object]) -> list[str]:
    origins, sessions = report["installed_by"], report["sessions"]
    origins = origins if isinstance(origins, list) else []
    origin = shown(" and ".join(origins)) if origins else _NOT_INSTALLED
    state = "enabled" if report["enabled"] else "off"
    conflict = "  (twice: it is not loaded)" if len(origins) > 1 else ""
    lines = [f"{shown(report['name'], 40):<24} {state:<8} {origin}{conflict}"]
    return lines + [f"  {_in_session(entry)}" for entry in (sessions if isinstance(sessions, list) else [])]


def _in_session(entry: dict[str, object]) -> str:
    session = shown(entry["session"] or "(not begun)", 40)
    if entry["failed_in"]:
        return f"session {session}: {failure_text(entry)}"
    return f"session {session}: {entry['calls']} calls, {entry['total_ms']} ms, longest {entry['longest_ms']} ms"
