"""`memguard snapshots list | show ID`, and the kinds of `snapshot_check` and `snapshot_archive`."""

import argparse
import json
import time
from typing import Any

from memguard.cli import snapshot_archive, snapshot_check
from memguard.cli.passphrase import Passphrases, add_passphrase_option
from memguard.cli.project_store import project_store
from memguard.config.dirs import state_dir
from memguard.core.log import printable
from memguard.core.units import format_size
from memguard.state.compiled import EXACT
from memguard.state.keys import private_keys
from memguard.state.process import ProcessSnapshot
from memguard.state.snapshot import Snapshot
from memguard.state.store import Store, size_bytes

_LINE = 160


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its two kinds."""
    parser = subparsers.add_parser("snapshots", help="the snapshots of this project")
    kinds = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    listing = kinds.add_parser("list", help="every snapshot, newest first")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list)
    show = kinds.add_parser("show", help="open one and show what it holds")
    show.add_argument("id", help="an id, the beginning of one, or `latest`")
    show.add_argument("--json", action="store_true", help="as JSON")
    add_passphrase_option(show)
    show.set_defaults(run=run_show)
    snapshot_check.add_kinds(kinds)
    snapshot_archive.add_kinds(kinds)


def run_list(arguments: argparse.Namespace) -> int:
    """One line per snapshot, from its plain facts: nothing is opened."""
    store = project_store()
    found = [_listed(store, snapshot_id) for snapshot_id in store.ids()]
    if arguments.json:
        print(json.dumps(found, indent=2))
    elif found:
        print("\n".join(map(_line, found)))
    else:
        print("this project has no snapshot yet; take one with `memguard snapshot`")
    return 0


def _listed(store: Store, snapshot_id: str) -> dict[str, Any]:
    about = store.about(snapshot_id)
    return {
        "id": snapshot_id,
        "t_utc": _number(about.get("t_utc")),
        "reason": about.get("reason", ""),
        "session": about.get("session", ""),
        "footprint_bytes": int(_number(about.get("footprint_bytes"))),
        "transcript_bytes": int(_number(about.get("transcript_bytes"))),
        "size_bytes": size_bytes(store, snapshot_id),
        "is_whole": store.is_whole(snapshot_id),
    }


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _line(entry: dict[str, Any]) -> str:
    sizes = f"{format_size(entry['transcript_bytes']):>7} conversation, {format_size(entry['size_bytes']):>7} sealed"
    damage = "" if entry["is_whole"] else "  DAMAGED"
    return f"{entry['id']}  {sizes}  {printable(entry['session'], 8):8}  {printable(entry['reason'], 80)}{damage}"


def run_show(arguments: argparse.Namespace) -> int:
    """Open it with the private key and show it."""
    store = project_store()
    snapshot_id = store.find(arguments.id)
    snapshot = store.read(snapshot_id, private_keys(state_dir(), Passphrases(arguments.passphrase_file).ask))
    print(json.dumps(snapshot, indent=2) if arguments.json else _shown(snapshot, size_bytes(store, snapshot_id)))
    return 0


def _shown(snapshot: Snapshot, sealed_bytes: int) -> str:
    conversation, git, restart = snapshot["conversation"], snapshot["project"]["git"], snapshot["restart"]
    attempts = len(restart["attempts"])
    lines = [
        f"snapshot   {snapshot['id']}",
        f"taken      {_utc(snapshot['t_utc'])}, reason: {_one(restart['reason'])}",
        f"session    {snapshot['session_id'] or '(not begun)'}, earlier restarts: {attempts}",
        f"client     {_client(snapshot['process'])}",
        f"command    {_one(' '.join(snapshot['process']['command']))}",
        f"sizes      {_sizes(snapshot)}, sealed {format_size(sealed_bytes)}",
        f"directory  {_one(snapshot['project']['cwd'])}",
        f"git        branch {_one(git['branch'])}, head {_one(git['head'])}, {len(git['status'])} changed files",
    ]
    lines += _block("missing", snapshot["missing"])
    lines += _block("requests", [request["text"] for request in conversation["requests"]])
    lines += _block("not sent", [request["text"] for request in conversation.get("unsent", [])])
    lines += _block("todos", [f"[{todo['status']}] {todo['text']}" for todo in conversation["todos"]])
    lines += _block("cut off", [f"{call['tool']}: {call['what']}" for call in conversation["in_flight"]])
    lines += _block("edited", conversation["files"])
    return "\n".join(lines)


def _client(process: ProcessSnapshot) -> str:
    if not process["pid"]:
        return "not running any more"
    size = format_size(process["footprint_bytes"])
    return f"pid {process['pid']}, started {_utc(process['started_utc'])}, {size} in {len(process['tree'])} processes"


def _sizes(snapshot: Snapshot) -> str:
    transcripts = snapshot["transcripts"]
    size, agents = format_size(sum(part["size_bytes"] for part in transcripts)), len(transcripts) - 1
    left_out = sum(part["redactions"] for part in transcripts)
    secrets = f"{left_out} secrets redacted" if snapshot["privacy"] != EXACT else "nothing redacted"
    lines = f"conversation {size} in {snapshot['conversation']['lines']} lines"
    return f"{lines}{f' and {agents} sub-agents' if agents else ''}, {secrets}"


def _block(name: str, texts: list[str]) -> list[str]:
    """One line per text, the name before the first."""
    return [f"{name if number == 0 else '':9}  {_one(text)}" for number, text in enumerate(texts)]


def _one(text: str) -> str:
    return printable(" ".join(text.split()), _LINE)


def _utc(t_utc: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(t_utc)) if t_utc else "an unknown time"
