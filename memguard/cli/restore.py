"""`memguard restore [ID] --digest | --transcript PATH | --launch`: what a snapshot gives back."""

import argparse
import os
import sys

from memguard.cli import run as run_command
from memguard.cli.passphrase import Passphrases, add_passphrase_option
from memguard.cli.project_store import project_store
from memguard.config import dirs
from memguard.config.shown import shown
from memguard.core.errors import EnvelopeError, UsageError
from memguard.core.log import printable
from memguard.core.units import format_size
from memguard.handoff.snapshot_digest import snapshot_digest
from memguard.state.about import main_of
from memguard.state.choice import Fuller, Needs, choose
from memguard.state.files import FileError
from memguard.state.keys import PrivateKeys, private_keys
from memguard.state.rebuild import rebuild_raw_to_file, rebuild_to_file
from memguard.state.restorable import restorable
from memguard.state.resumable import client_folder, place
from memguard.state.snapshot import Snapshot
from memguard.state.source import MAIN
from memguard.state.store import Store
from memguard.state.transcript import config_dir


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
    parser.add_argument("--raw", action="store_true", help="with --transcript: as sealed, a torn last line included")
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
    if arguments.raw and not arguments.transcript:
        raise UsageError("--raw goes with --transcript", "memguard restore --help")
    store = project_store()
    keys = private_keys(dirs.state_dir(), Passphrases(arguments.passphrase_file).ask)
    snapshot = _chosen(store, keys, arguments)
    try:
        return _give_back(store, snapshot, keys, arguments)
    except (EnvelopeError, FileError):
        if store.has(snapshot["id"]):
            raise
    # A capture that ended meanwhile has removed it, and is the newer one that is there now.
    sys.stderr.write(f"memguard: snapshot {snapshot['id']} was removed just now, as too old or one too many\n")
    return _give_back(store, _chosen(store, keys, arguments), keys, arguments)


def _give_back(store: Store, snapshot: Snapshot, keys: PrivateKeys, arguments: argparse.Namespace) -> int:
    if arguments.digest:
        print(snapshot_digest(snapshot))
    elif arguments.transcript:
        _rebuild(store, snapshot, arguments.transcript, keys, is_raw=arguments.raw)
    else:
        return _launch(store, snapshot, keys, arguments.arguments, arguments.env)
    return 0


def _chosen(store: Store, keys: PrivateKeys, arguments: argparse.Namespace) -> Snapshot:
    """Says on stderr what was passed over, and which one holds more: stdout may be a file."""
    needs = Needs.RECORD if arguments.digest else Needs.CONVERSATION if arguments.transcript else Needs.STREAMS
    choice = choose(store, keys, arguments.id, arguments.session, needs)
    said = [
        f"passed over: snapshot {name}: {printable(fault.what, 200)} ({shown(fault.path, 400)})"
        for name, faults in choice.passed_over.items()
        for fault in faults
    ]
    said += [f"taken: snapshot {choice.snapshot['id']}, the newest good one before"] if said else []
    said += [f"{shown(fault.path, 400)}: {printable(fault.what, 200)}; it was not needed" for fault in choice.plain]
    said += [_more(choice.fuller, choice.snapshot)] if choice.fuller else []
    sys.stderr.writelines(f"memguard: {line}\n" for line in said)
    return choice.snapshot


def _more(fuller: Fuller, snapshot: Snapshot) -> str:
    main = main_of(snapshot)
    sizes = format_size(fuller.size_bytes), format_size(main["size_bytes"] if main else 0)
    what = f"the older snapshot {fuller.id} holds {sizes[0]} of this conversation, this one {sizes[1]}"
    return f"{what}: later its file was gone, became shorter or was rewritten; give that id to have it back"


def _rebuild(store: Store, snapshot: Snapshot, path: str, keys: PrivateKeys, *, is_raw: bool) -> None:
    rebuilt = (rebuild_raw_to_file if is_raw else rebuild_to_file)(store, snapshot, MAIN, path, keys)
    print(f"{shown(path)}: the conversation of session {snapshot['session_id']}, {format_size(rebuilt.size_bytes)}")
    _say_torn(rebuilt.torn_bytes, "; --raw keeps them")


def _say_torn(torn_bytes: int, more: str = "") -> None:
    if torn_bytes:
        sys.stderr.write(f"memguard: left out: {torn_bytes} bytes of a last line that was never finished{more}\n")


def _launch(store: Store, snapshot: Snapshot, keys: PrivateKeys, words: list[str], more: list[str]) -> int:
    """Put the conversation where the client looks for it, then become `memguard run`."""
    back = restorable(snapshot["process"]["environment"], more)
    os.environ.update({name: value for name, value in back.items() if name not in os.environ})
    # Whatever refuses does so before: a conversation that is in plain text for nothing is never removed.
    ready = run_command.make_ready(run_command.no_options())
    session, torn_bytes = place(store, snapshot, keys, client_folder(config_dir(os.environ), os.getcwd()))
    _say_torn(torn_bytes)
    print(f"memguard: session {session}, from snapshot {snapshot['id']}", flush=True)
    return run_command.start(ready, ["--resume", session, *words])
