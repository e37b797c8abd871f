"""`memguard status`: the guarded sessions, what they hold, and what memguard has done."""

import argparse
import json
import os
import sys
import time

from memguard.cli.host_report import host_report, shown_host
from memguard.cli.live import LiveGuard, live_guards
from memguard.cli.plugin_state import plugins_in
from memguard.cli.status_text import shown
from memguard.config import dirs
from memguard.core.pause import is_paused
from memguard.host import dead_guards
from memguard.state.store import Store


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("status", help="the guarded sessions and what they hold")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one block per live guard, and what they hold together."""
    dead_guards.thaw_unwatched(dirs.runtime_dir())
    guards = live_guards()
    host = host_report(guards)
    found = [report(guard) for guard in guards]
    if arguments.json:
        print(json.dumps([{**each, "host": host} for each in found], indent=2))
    elif found:
        print("\n\n".join([*map(shown, found), shown_host(host)]))
    else:
        print("no guarded session is running; start one with `memguard run`")
    return 0


def report(guard: LiveGuard) -> dict[str, object]:
    """Everything about one guard; sizes in bytes, read now rather than taken from the watchdog.

    Only who it is and what it holds, where its project was opted out.
    """
    return _opted_out(guard) if guard.is_opted_out else _opted_in(guard)


def _opted_out(guard: LiveGuard) -> dict[str, object]:
    reading = guard.reading()
    return {
        "project": "",
        "session": guard.session_id,
        "guard": guard.guard_id,
        "client_pid": guard.client.pid,
        "processes": len(reading.processes),
        "footprint_bytes": reading.footprint_bytes,
        "opted_out": True,
        "watchdog": guard.has_watchdog,
    }


def _opted_in(guard: LiveGuard) -> dict[str, object]:
    settings, status = guard.settings(), guard.status()
    reading = guard.reading()
    limits = settings.thresholds
    return {
        "project": settings.project,
        "session": guard.session_id,
        "guard": guard.guard_id,
        "client_pid": guard.client.pid,
        "processes": len(reading.processes),
        "footprint_bytes": reading.footprint_bytes,
        "parts": guard.parts(status) if guard.has_watchdog else [],
        "opted_out": False,
        "state": limits.state_of(reading.footprint_bytes),
        "warning_bytes": limits.warning_bytes,
        "critical_bytes": limits.critical_bytes,
        "emergency_bytes": limits.emergency_bytes,
        "mode": settings.mode,
        "paused": is_paused(guard.folder, guard.project_dir),
        "restartable": guard.pairs.get("restartable") == "1",
        "not_restartable_because": guard.pairs.get("why", ""),
        "watchdog": guard.has_watchdog,
        "restarts": guard.restarts(),
        "max_attempts": settings.restart.max_attempts,
        "protection": {**guard.protection().statistics, "why": guard.protection().verdict().why},
        "degradation": guard.degradation(status),
        "decision": status.get("action", ""),
        "decision_reason": status.get("refused") or status.get("reason", ""),
        **_newest_snapshot(guard),
        "containment": guard.containment.get("name") or _containment(),
        "mechanism": guard.containment.get("mechanism", ""),
        "plugins": plugins_in(status),
        "health": guard.told(status, "health"),
        "kernel_limits": guard.told(status, "kernel_limits"),
    }


def _newest_snapshot(guard: LiveGuard) -> dict[str, object]:
    """Of this session, the newest that is whole: its id, and how old it is in seconds; empty and None for none."""
    store = Store(guard.pairs.get("state", ""), guard.pairs.get("project_key", ""))
    own = (name for name in store.ids() if store.about(name).get("session") == guard.session_id)
    newest = next(filter(store.is_whole, own), "")
    return {"snapshot": newest, "snapshot_age_s": _age_s(store.about(newest).get("t_utc", "")) if newest else None}


def _age_s(t_utc: str) -> float | None:
    try:
        return round(max(0.0, time.time() - float(t_utc)), 1)
    except ValueError:
        return None


def _containment() -> str:
    """What holds the tree together here, so that nothing of it is lost."""
    if sys.platform == "linux":
        return "process tree and inherited session id (/proc), pidfds" if hasattr(os, "pidfd_open") else "process tree"
    return "process tree (never run on this platform)"
