"""`memguard restart`: ask the watchdog for a restart at the next turn boundary, or have restarts counted anew."""

import argparse
import os

from memguard.cli.live import LiveGuard, the_guard
from memguard.core.errors import ClientError, StateError
from memguard.core.layout import PROTECTION_RESET, REQUEST, write_pairs
from memguard.core.nudge import nudge
from memguard.core.uptime import uptime_s
from memguard.guard.restart_verdict import COOLING, HOST_FAILING, HOST_SPENT

SESSION, HOST = "session", "host"
_ANY_STEP = "wait, or allow restarts again with `memguard restart --reset-protection`"
_HOST_STEP = "wait, or allow restarts again with `memguard restart --reset-protection host`"
_NEXT_STEP = {COOLING: "wait", HOST_SPENT: _HOST_STEP, HOST_FAILING: _HOST_STEP}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("restart", help="snapshot and restart a guarded session at its next turn boundary")
    parser.add_argument("--session", metavar="ID", help="which session (default: the one of this project)")
    parser.add_argument(
        "--reset-protection", nargs="?", const=SESSION, choices=(SESSION, HOST),
        help="restart nothing: forget the restarts of this session (or, with `host`, of all sessions of this host)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Leave the request; the watchdog is the only one that ends anything."""
    guard = the_guard(arguments.session)
    if arguments.reset_protection:
        return _reset(guard, arguments.reset_protection)
    ask_for_restart(guard)
    print("restart asked for: at the next turn boundary the session is snapshotted and started again")
    return 0


def ask_for_restart(guard: LiveGuard) -> None:
    """Leave the request. Raises ClientError with the reason where there will be no restart."""
    if guard.pairs.get("restartable") != "1":
        why = guard.pairs.get("why", "unknown")
        raise ClientError(f"this session can't be restarted: {why}", "end it, and start it with `memguard run`")
    if guard.is_opted_out:
        raise ClientError("this session's project was opted out", "opt it in again with `memguard init`")
    if guard.pairs.get("print") == "1":
        next_step = "memguard restarts it by itself where it passes its critical limit"
        raise ClientError("a `claude -p` session is one turn, with no boundary to restart it at", next_step)
    verdict = guard.protection().verdict()
    if not verdict.is_allowed:
        raise ClientError(f"restart protection says no: {verdict.why}", _NEXT_STEP.get(verdict.kind, _ANY_STEP))
    _request(guard)


def _reset(guard: LiveGuard, scope: str) -> int:
    """The person takes it upon themselves. The launcher, which counts as well, is told by a file in the guard."""
    protection = guard.protection()
    try:
        protection.reset()
        if scope == HOST:
            protection.reset_host()
        write_pairs(f"{guard.folder}/{PROTECTION_RESET}", {"uptime_s": f"{uptime_s():.3f}"})
    except OSError as error:
        raise StateError(
            f"{protection.path} can't be written: {error.strerror or error}", "check the disk and permissions"
        ) from None
    nudge(guard.folder)
    print(f"the restarts of {'all sessions of this host' if scope == HOST else 'this session'} count from 0 again")
    verdict = protection.verdict()
    if not verdict.is_allowed:
        print(f"restarts are still not allowed: {verdict.why} (`memguard restart --reset-protection host`)")
    return 0


def _request(guard: LiveGuard) -> None:
    write_pairs(f"{guard.folder}/{REQUEST}", {"by": os.getpid()})
    if not nudge(guard.folder):
        raise ClientError("no watchdog listens", "it is started anew at the session's next event; try again then")
