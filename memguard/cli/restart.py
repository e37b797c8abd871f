"""`memguard restart`: ask the watchdog for a restart at the next turn boundary."""

import argparse
import os

from memguard.cli.live import LiveGuard, the_guard
from memguard.core.errors import ClientError
from memguard.core.layout import REQUEST, write_pairs
from memguard.core.nudge import nudge


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("restart", help="snapshot and restart a guarded session at its next turn boundary")
    parser.add_argument("--session", metavar="ID", help="which session (default: the one of this project)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Leave the request; the watchdog is the only one that ends anything."""
    guard = the_guard(arguments.session)
    if guard.pairs.get("restartable") != "1":
        why = guard.pairs.get("why", "unknown")
        raise ClientError(f"this session can't be restarted: {why}", "end it, and start it with `memguard run`")
    if guard.is_opted_out:
        raise ClientError("this session's project was opted out", "opt it in again with `memguard init`")
    if guard.pairs.get("print") == "1":
        next_step = "memguard restarts it by itself where it passes its critical limit"
        raise ClientError("a `claude -p` session is one turn, with no boundary to restart it at", next_step)
    allowed, why = guard.protection().can_restart()
    if not allowed:
        raise ClientError(f"restart protection says no: {why}", "wait, or change [restart_policy] in your own config")
    _request(guard)
    print("restart asked for: at the next turn boundary the session is snapshotted and started again")
    return 0


def _request(guard: LiveGuard) -> None:
    write_pairs(f"{guard.folder}/{REQUEST}", {"by": os.getpid()})
    if not nudge(guard.folder):
        raise ClientError("no watchdog listens", "it is started anew at the session's next event; try again then")
