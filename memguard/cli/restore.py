"""`memguard restore [ID] --digest | --transcript PATH | --launch`: what a snapshot gives back."""

import argparse
import os
import sys

from memguard.cli import run as run_command
from memguard.cli.passphrase import Passphrases, add_passphrase_option
from memguard.cli.project_store import project_store
from memguard.config import dirs
from memguard.config.shown import shown
from memguard.core.errors import UsageError
from memguard.core.log import printable
from memguard.core.units import format_size
from memguard.handoff.snapshot_digest import snapshot_digest
from memguard.state.keys import PrivateKeys, private_keys
from memguard.state.rebuild import rebuild_to_file
from memguard.state.restorable import restorable
from memguard.state.resumable import client_folder, place
from memguard.state.snapshot import Snapshot
from memguard.state.source import MAIN
from memguard.state.store import Store
from memguard.state.transcript import config_dir
from memguard.state.verify import newest_good


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "restore",
        help="the digest, the conversation or a session from a snapshot",
        usage="memguard restore [ID] (--digest | --transcript PATH | --launch) [options] [-- arguments of the client]",
    )
    parser.add_argument("id", nargs="?", default="latest", help="an id, or the beginning of one (default: the newest)")
    parser.add_argument("--session", default="", metavar="S", help="the newest good one of this session")
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--digest", action="store_true", help="print what the next session would read")
    kinds.add_argument("--transcript", metavar="PATH", help="rebuild the conversation as a new file")
    kinds.add_argument("--launch", action="store_true", help="a guarded session that goes on from it, in this terminal")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME",
        help="with --launch: give this variable back, too; else only those of language, colour and model",
    )  # fmt: skip
    add_passphrase_option(parser)
    parser.set_defaults(run=run, arguments=[])  # those of the client, after `--`


def run(arguments: argparse.Namespace) -> int:
    """Open the snapshot that is meant, or the newest good one before it, and give back what was asked for."""
    if (arguments.arguments or arguments.env) and not arguments.launch:
        raise UsageError("--env and arguments of the client go with --launch", "memguard restore --help")
    store = project_store()
    keys = private_keys(dirs.state_dir(), Passphrases(arguments.passphrase_file).ask)
    snapshot = _good(store, keys, arguments.id, arguments.session)
    if arguments.digest:
        print(snapshot_digest(snapshot))
    elif arguments.transcript:
        _rebuild(store, snapshot, arguments.transcript, keys)
    else:
        return _launch(store, snapshot, keys, arguments.arguments, arguments.env)
    return 0


def _good(store: Store, keys: PrivateKeys, wanted: str, session: str) -> Snapshot:
    """Says on stderr what was passed over: stdout may be a file."""
    snapshot, faults = newest_good(store, keys, wanted, session)
    for fault in faults:
        sys.stderr.write(f"memguard: damaged: {shown(fault.path, 400)}: {printable(fault.what, 200)}\n")
    if faults:
        sys.stderr.write(f"memguard: the newest good snapshot is {snapshot['id']}\n")
    return snapshot


def _rebuild(store: Store, snapshot: Snapshot, path: str, keys: PrivateKeys) -> None:
    length = rebuild_to_file(store, snapshot, MAIN, path, keys)
    print(f"{shown(path)}: the conversation of session {snapshot['session_id']}, {format_size(length)}")


def _launch(store: Store, snapshot: Snapshot, keys: PrivateKeys, words: list[str], more: list[str]) -> int:
    """Put the conversation where the client looks for it, then become `memguard run`."""
    session = place(store, snapshot, keys, client_folder(config_dir(os.environ), os.getcwd()))
    back = restorable(snapshot["process"]["environment"], more)
    os.environ.update({name: value for name, value in back.items() if name not in os.environ})
    print(f"memguard: session {session}, from snapshot {snapshot['id']}", flush=True)
    launched = argparse.Namespace(arguments=["--resume", session, *words], client=None)
    for name in ("warning", "critical", "emergency", "mode"):
        setattr(launched, name, None)
    return run_command.run(launched)
