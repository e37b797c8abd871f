"""`memguard snapshots verify [ID] | prune`: whether all is there, and what need not be kept."""

import argparse
import json
import os

from memguard.cli.passphrase import Passphrases, add_passphrase_option
from memguard.cli.project_store import project_store
from memguard.config.dirs import state_dir
from memguard.config.shown import shown
from memguard.core.log import printable
from memguard.core.units import format_size
from memguard.state import files
from memguard.state.about import SEGMENTS
from memguard.state.compiled import snapshot_settings
from memguard.state.garbage import unreadable_lists
from memguard.state.keys import private_keys
from memguard.state.lock import store_lock
from memguard.state.retention import prune
from memguard.state.store import Store
from memguard.state.verify import Fault, Verifier

_COULD_NOT = 1


def add_kinds(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both kinds to `memguard snapshots`."""
    verified = kinds.add_parser(
        "verify", help="open all that is sealed, and name what is damaged; exit code 1 if any is"
    )
    verified.add_argument("id", nargs="?", help="this one alone (default: every one)")
    verified.add_argument("--json", action="store_true", help="as JSON")
    add_passphrase_option(verified)
    verified.set_defaults(run=run_verify)
    pruned = kinds.add_parser("prune", help="remove what the settings don't keep, as each capture does")
    pruned.set_defaults(run=run_prune)


def run_verify(arguments: argparse.Namespace) -> int:
    """One line per snapshot, and one per fault; 0 where all are good."""
    store = project_store()
    ids = [store.find(arguments.id)] if arguments.id else store.ids()
    verifier = Verifier(store, private_keys(state_dir(), Passphrases(arguments.passphrase_file).ask))
    found = {snapshot_id: verifier.verify(snapshot_id) for snapshot_id in ids}
    # A capture of a living session may have removed some since they were listed: that is no damage.
    gone = [snapshot_id for snapshot_id, faults in found.items() if faults and not store.has(snapshot_id)]
    found = {snapshot_id: faults for snapshot_id, faults in found.items() if snapshot_id not in gone}
    if arguments.json:
        print(json.dumps([_entry(snapshot_id, faults) for snapshot_id, faults in found.items()], indent=2))
    else:
        print("\n".join(_lines(found, gone)))
    return _COULD_NOT if any(found.values()) else 0


def _entry(snapshot_id: str, faults: list[Fault]) -> dict[str, object]:
    return {
        "id": snapshot_id,
        "is_good": not faults,
        "faults": [{"path": fault.path, "what": fault.what} for fault in faults],
    }


def _lines(found: dict[str, list[Fault]], gone: list[str]) -> list[str]:
    if not found and not gone:
        return ["this project has no snapshot yet; take one with `memguard snapshot`"]
    lines = [f"{snapshot_id}  removed meanwhile" for snapshot_id in gone]
    for snapshot_id, faults in found.items():
        lines.append(f"{snapshot_id}  {'DAMAGED' if faults else 'good'}")
        lines += [f"    {shown(fault.path, 400)}: {printable(fault.what, 200)}" for fault in faults]
    damaged = sum(1 for faults in found.values() if faults)
    return [*lines, f"{len(found) - damaged} of {len(found)} are good"]


def run_prune(arguments: argparse.Namespace) -> int:
    """Remove, and say what went."""
    del arguments
    store = project_store()
    if not os.path.isdir(store.project_dir):
        print("this project has no snapshot yet")
        return 0
    with files.told(store.folder), store_lock(store.project_dir):
        before_bytes = _size_bytes(store)
        gone = prune(store, snapshot_settings(store.project_dir), session="")
        left_bytes = _size_bytes(store)
        unreadable = unreadable_lists(store, store.ids())
    for name in unreadable:
        path = shown(store.path(name, SEGMENTS), 400)
        print(f"{path} is damaged: until snapshot {name} goes, no segment does, and no snapshot for its size")
    print(f"removed {len(gone)} snapshots, {format_size(before_bytes - left_bytes)}; {len(store.ids())} are left")
    return 0


def _size_bytes(store: Store) -> int:
    """All files of the store."""
    folders = (store.folder, store.conversations)
    paths = (os.path.join(top, name) for folder in folders for top, _, names in os.walk(folder) for name in names)
    return sum(max(0, files.size_bytes(path)) for path in paths)
