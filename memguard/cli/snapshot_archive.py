"""`memguard snapshots export ID FILE | import FILE`: a snapshot as one sealed file, to take to another machine."""

import argparse

from memguard.cli.passphrase import Passphrases, add_passphrase_option
from memguard.cli.project_store import project_store
from memguard.config.dirs import state_dir
from memguard.config.shown import shown
from memguard.core.errors import UsageError
from memguard.core.units import format_size
from memguard.state.archive import export
from memguard.state.envelope import fingerprint
from memguard.state.importing import take_in
from memguard.state.keys import private_keys, public_key

_KEY_CHARS = 64


def add_kinds(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both kinds to `memguard snapshots`."""
    exported = kinds.add_parser("export", help="write one to a new file, sealed")
    exported.add_argument("id", help="an id, the beginning of one, or `latest`")
    exported.add_argument("file", metavar="FILE")
    exported.add_argument(
        "--for",
        dest="recipient",
        metavar="KEY",
        help="the public key of who is to open it, as `memguard key status` shows it there (default: your own)",
    )
    add_passphrase_option(exported)
    exported.set_defaults(run=run_export)
    imported = kinds.add_parser("import", help="take one in that was exported for a key of yours")
    imported.add_argument("file", metavar="FILE")
    add_passphrase_option(imported)
    imported.set_defaults(run=run_import)


def run_export(arguments: argparse.Namespace) -> int:
    """Write it and say for whom; the last line on stdout is the file."""
    store, state = project_store(), state_dir()
    recipient = _key(arguments.recipient) if arguments.recipient else public_key(state)
    keys = private_keys(state, Passphrases(arguments.passphrase_file).ask)
    snapshot = store.read(store.find(arguments.id), keys)
    length = export(store, snapshot, arguments.file, keys, recipient)
    print(f"snapshot {snapshot['id']}, {format_size(length)}, for the key {fingerprint(recipient)}")
    print(shown(arguments.file))
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    """Take it into this project; the last line on stdout is the snapshot's id here."""
    state = state_dir()
    keys = private_keys(state, Passphrases(arguments.passphrase_file).ask)
    snapshot = take_in(project_store(), arguments.file, keys, public_key(state))
    print(
        f"snapshot of session {snapshot['session_id'] or '(not begun)'}; go on from it with `memguard restore --launch`"
    )
    print(snapshot["id"])
    return 0


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(text) != _KEY_CHARS or not key:
        raise UsageError("--for takes a public key of 64 hexadecimal digits", "`memguard key status` shows it, there")
    return key
