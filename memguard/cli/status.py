"""`memguard status`: the guarded sessions, what they hold, and what memguard has done."""

import argparse
import json
import os
import sys

from memguard.cli.live import LiveGuard, live_guards
from memguard.core.log import printable
from memguard.core.pause import is_paused
from memguard.core.units import format_size
from memguard.host import current
from memguard.state.store import Store


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("status", help="the guarded sessions and what they hold")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one block per live guard."""
    found = [report(guard) for guard in live_guards()]
    if arguments.json:
        print(json.dumps(found, indent=2))
    elif found:
        print("\n\n".join(map(_shown, found)))
    else:
        print("no guarded session is running; start one with `memguard run`")
    return 0


def report(guard: LiveGuard) -> dict[str, object]:
    """Everything about one guard; sizes in bytes, read now rather than taken from the watchdog.

    Only who it is and what it holds, where its project was opted out.
    """
    return _opted_out(guard) if guard.is_opted_out else _opted_in(guard)


def _opted_out(guard: LiveGuard) -> dict[str, object]:
    reading = current.read_tree(guard.client.pid)
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
    reading = current.read_tree(guard.client.pid)
    limits = settings.thresholds
    return {
        "project": settings.project,
        "session": guard.session_id,
        "guard": guard.guard_id,
        "client_pid": guard.client.pid,
        "processes": len(reading.processes),
        "footprint_bytes": reading.footprint_bytes,
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
        "decision": status.get("action", ""),
        "decision_reason": status.get("refused") or status.get("reason", ""),
        "snapshot": _newest_snapshot(guard),
        "containment": _containment(),
    }


def _newest_snapshot(guard: LiveGuard) -> str:
    store = Store(guard.pairs.get("state", ""), guard.pairs.get("project_key", ""))
    own = (name for name in store.ids() if store.about(name).get("session") == guard.session_id)
    return next(own, "")


def _containment() -> str:
    """What holds the tree together here, so that nothing of it is lost."""
    if sys.platform == "linux":
        return "process tree and inherited session id (/proc), pidfds" if hasattr(os, "pidfd_open") else "process tree"
    return "process tree (never run on this platform)"


def _processes(count: object) -> str:
    return "1 process" if count == 1 else f"{count} processes"


def _shown_opted_out(r: dict[str, object]) -> str:
    size = format_size(float(str(r["footprint_bytes"])))
    return (
        f"session {r['session'] or '(not begun)'}  client pid {r['client_pid']}\n"
        f"  footprint  {size} in {_processes(r['processes'])}\n"
        "  note       its project was opted out: it is no longer guarded"
    )


def _shown(r: dict[str, object]) -> str:
    if r["opted_out"]:
        return _shown_opted_out(r)

    def size(name: str) -> str:
        return format_size(float(str(r[name])))

    lines = [
        f"session {r['session'] or '(not begun)'}  client pid {r['client_pid']}  {printable(str(r['project']), 200)}",
        f"  footprint  {size('footprint_bytes')} in {_processes(r['processes'])}: {r['state']}",
        f"  limits     warning {size('warning_bytes')}, critical {size('critical_bytes')}, emergency "
        + size("emergency_bytes"),
        f"  restarts   {r['restarts']} of {r['max_attempts']}; last snapshot: {r['snapshot'] or 'none yet'}",
        f"  guard      mode {r['mode']}, watchdog {'alive' if r['watchdog'] else 'NOT RUNNING'}",
        f"  held by    {r['containment']}",
    ]
    if r["paused"]:
        lines.append("  paused     watching and warning only (`memguard continue`)")
    if not r["restartable"]:
        lines.append(f"  note       no restart: {printable(str(r['not_restartable_because']), 120)}")
    if r["decision"] not in ("", "watch"):
        lines.append(f"  now        {r['decision']}: {printable(str(r['decision_reason']), 120)}")
    return "\n".join(lines)
