"""`memguard snapshot`: take one now, of a guarded session that lives."""

import argparse
import json
import os

from memguard.cli.live import LiveGuard, the_guard
from memguard.core.layout import SESSIONS, read_pairs
from memguard.core.log import printable
from memguard.core.units import format_size
from memguard.state.capture import capture
from memguard.state.request import CaptureRequest
from memguard.state.store import Store, size_bytes


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("snapshot", help="take a snapshot now; the last line is its id")
    parser.add_argument("--session", help="the session's id, or the beginning of it")
    parser.add_argument("--reason", default="asked for by the person", help="noted with the snapshot")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Take it and say so; the last line on stdout is the snapshot's id."""
    guard = the_guard(arguments.session)
    request = _request(guard, arguments.reason)
    snapshot_id = capture(request)
    store = Store(request.state_dir, request.project_key)
    about, sealed_bytes = store.about(snapshot_id), size_bytes(store, snapshot_id)
    if arguments.json:
        print(json.dumps({**about, "size_bytes": sealed_bytes}))
        return 0
    conversation = format_size(int(about.get("transcript_bytes", "0")))
    session = guard.session_id or "(not begun)"
    print(f"snapshot of session {session}: conversation {conversation}, sealed {format_size(sealed_bytes)}")
    if about.get("missing") != "0":
        print(f"not everything could be captured; `memguard snapshots show {snapshot_id}` says what")
    print(printable(snapshot_id, 64))
    return 0


def _request(guard: LiveGuard, reason: str) -> CaptureRequest:
    """The same that the hook and the watchdog ask for."""
    session = read_pairs(f"{guard.folder}/{SESSIONS}/{guard.session_id}") if guard.session_id else {}
    return CaptureRequest(
        {
            "--state": guard.pairs.get("state", ""),
            "--project-key": guard.pairs.get("project_key", ""),
            "--reason": reason,
            "--session": guard.session_id,
            "--transcript": session.get("transcript", ""),
            "--cwd": session.get("cwd", "") or os.getcwd(),
            "--client": guard.client.to_text(),
            "--guard": guard.folder,
        }
    )
