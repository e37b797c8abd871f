"""`memguard key status | rotate | move | export | import`: the keys that snapshots are sealed to and opened with."""

import argparse
import json

from memguard.cli.passphrase import Passphrases, add_passphrase_option
from memguard.config.dirs import state_dir
from memguard.config.shown import shown
from memguard.core.errors import StateError, UsageError
from memguard.state.keys.current import current_place, rotate
from memguard.state.keys.folder import KeyFolder
from memguard.state.keys.key_file import KEYRING, PASSPHRASE, PRIVATE
from memguard.state.keys.pair import Pair
from memguard.state.keys.private_keys import PrivateKeys
from memguard.state.keys.standing import Standing, snapshots_by_key, standings
from memguard.state.keys.transfer import export, move, pairs, read_export, take_in

_PLACES = {"file": PRIVATE, "keyring": KEYRING, "passphrase": PASSPHRASE}
_NAMES = {kind: name for name, kind in _PLACES.items()}
_TO = "a file of mode 0600, the keyring of the operating system, or a file behind a passphrase"
_WHERE = {PRIVATE: "in a file", KEYRING: "in the keyring", PASSPHRASE: "behind a passphrase"}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its kinds."""
    kinds = subparsers.add_parser("key", help="the keys that snapshots are sealed to").add_subparsers(
        title="commands", required=True, metavar="COMMAND"
    )
    status = kinds.add_parser("status", help="every key: where it is, whether it opens, which snapshots need it")
    status.add_argument("--json", action="store_true", help="as JSON")
    status.set_defaults(run=run_status)
    rotated = kinds.add_parser("rotate", help="seal to a new key from now on; the keys before stay")
    rotated.add_argument("--to", choices=_PLACES, help=f"{_TO} (default: where the key before is)")
    _add_new_passphrase(rotated)
    rotated.set_defaults(run=run_rotate)
    _add_transfers(kinds)


def _add_transfers(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    moved = kinds.add_parser("move", help="keep keys elsewhere, or behind a new passphrase")
    moved.add_argument("key", nargs="*", help="a fingerprint or the beginning of one (default: every key)")
    moved.add_argument("--to", choices=_PLACES, required=True, help=_TO)
    _add_new_passphrase(moved)
    moved.set_defaults(run=run_move)
    exported = kinds.add_parser("export", help="write keys to a new file, behind a passphrase")
    exported.add_argument("file", metavar="FILE")
    exported.add_argument("--key", action="append", default=[], help="this key (default: every key)")
    exported.add_argument("--plain", action="store_true", help="without a passphrase: who reads the file has the keys")
    _add_new_passphrase(exported)
    exported.set_defaults(run=run_export)
    imported = kinds.add_parser("import", help="take keys in that were exported; captures seal to the same as before")
    imported.add_argument("file", metavar="FILE")
    imported.add_argument(
        "--replace", action="store_true", help="also those that are here, such as one whose passphrase is forgotten"
    )
    imported.add_argument("--to", choices=_PLACES, help=f"{_TO} (default: where the current key is)")
    _add_new_passphrase(imported)
    imported.set_defaults(run=run_import)


def _add_new_passphrase(parser: argparse.ArgumentParser) -> None:
    add_passphrase_option(parser)
    parser.add_argument(
        "--new-passphrase-file",
        metavar="FILE",
        help="its first line is the passphrase of what is written (default: --passphrase-file, else the terminal)",
    )


def run_status(arguments: argparse.Namespace) -> int:
    """Print them; 1 where the current key, or one that a snapshot needs, can't be opened."""
    folder = KeyFolder(state_dir())
    found = standings(folder, asks_keyring=True)
    known = {each.fingerprint for each in found}
    strange = {name: count for name, count in snapshots_by_key(folder.state_dir).items() if name not in known}
    if arguments.json:
        print(json.dumps({"keys": [each.to_dict() for each in found], "not_yours": strange}, indent=2))
    elif found or strange:
        print(
            "\n".join([line for each in found for line in _lines(each)] + [_strange(*each) for each in strange.items()])
        )
    else:
        print("there is no key yet; the first snapshot makes it")
    return 1 if any(each.error and (each.is_current or each.snapshots) for each in found) else 0


def _lines(each: Standing) -> list[str]:
    kind = "current" if each.is_current else "older"
    where = " and ".join(_WHERE[place] for place in each.places) or "LOST"
    backend = f" ({shown(each.backend)})" if each.backend else ""
    lines = [f"{each.fingerprint}  {kind:7}  {where}{backend}, made {each.made or '?'}, {_needed(each.snapshots)}"]
    if each.is_current:
        lines.append(f"{'':18}public half, for whoever is to seal to you: {each.public}")
    if len(each.places) > 1:
        lines.append(f"{'':18}a move was interrupted: `memguard key move {each.fingerprint} --to ...` ends it")
    if each.error:
        lines += [f"{'':18}{shown(each.error.what, 400)}", f"{'':18}{shown(each.error.next_step, 400)}"]
    return lines


def _strange(fingerprint: str, snapshots: int) -> str:
    return f"{fingerprint}  not among your keys, {_needed(snapshots)}"


def _needed(snapshots: int, what: str = "it") -> str:
    return {0: "no snapshot needs", 1: "1 snapshot needs"}.get(snapshots, f"{snapshots} snapshots need") + f" {what}"


def run_rotate(arguments: argparse.Namespace) -> int:
    """Make a new pair, and say what stays."""
    folder = KeyFolder(state_dir())
    place = _PLACES[arguments.to] if arguments.to else current_place(folder)
    fingerprint = rotate(folder.state_dir, place, _new(_passphrases(arguments), place))
    print(f"captures seal to the key {fingerprint} from now on; its private half is {_WHERE[place]}")
    older = [each for each in standings(folder, asks_keyring=False) if not each.is_current and each.places]
    if older:
        needed = sum(each.snapshots for each in older)
        print(f"the keys before stay ({', '.join(each.fingerprint for each in older)}), {_needed(needed, 'them')}")
    return 0


def run_move(arguments: argparse.Namespace) -> int:
    """Put keys elsewhere."""
    folder, place = KeyFolder(state_dir()), _PLACES[arguments.to]
    chosen, passphrases = _chosen(folder, arguments.key), _passphrases(arguments)
    moved = pairs(folder, chosen, PrivateKeys(folder, passphrases.ask))
    were_files = place != PRIVATE and any(PRIVATE in folder.places(name) for name in chosen)
    move(folder, moved, place, _new(passphrases, place))
    print("\n".join(f"the private half of the key {name} is {_WHERE[place]}" for name in chosen))
    if were_files:
        print("the files are removed; a disk may still hold what was in them: `memguard key rotate` makes a key anew")
    return 0


def run_export(arguments: argparse.Namespace) -> int:
    """Write them, and say what the file is worth."""
    if arguments.plain and arguments.new_passphrase_file:
        raise UsageError("--plain writes no passphrase", "leave out one of --plain and --new-passphrase-file")
    folder = KeyFolder(state_dir())
    chosen, passphrases = _chosen(folder, arguments.key), _passphrases(arguments)
    opened = pairs(folder, chosen, PrivateKeys(folder, passphrases.ask))
    export(arguments.file, opened, None if arguments.plain else passphrases.new())
    print(f"{shown(arguments.file)} holds the private halves of {', '.join(chosen)}")
    whoever = "whoever can read it" if arguments.plain else "whoever can read it and has its passphrase"
    print(f"{whoever} can open every snapshot that is sealed for them")
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    """Take in what is not here yet, or does not open."""
    folder = KeyFolder(state_dir())
    found = {key_file.fingerprint: key_file for key_file in read_export(arguments.file)}
    here = {each.fingerprint for each in standings(folder, asks_keyring=True) if not each.error}
    missing = {name: key_file for name, key_file in found.items() if name not in here or arguments.replace}
    for name in found.keys() - missing.keys():
        print(f"the key {name} is here already; it is left as it is (--replace takes the one of the file)")
    if not missing:
        return 0
    passphrases = _passphrases(arguments)
    keys = PrivateKeys(folder, passphrases.ask)
    brought = [Pair(keys.open(key_file), key_file.public, key_file.made) for key_file in missing.values()]
    place = _PLACES[arguments.to] if arguments.to else current_place(folder)
    take_in(folder, brought, place, _new(passphrases, place))
    print("\n".join(f"the key {name} is here now, {_WHERE[place]}" for name in missing))
    current = folder.current()
    print(f"captures seal to {current}, as before" if current else "captures will seal to the newest of your keys")
    return 0


def _passphrases(arguments: argparse.Namespace) -> Passphrases:
    return Passphrases(arguments.passphrase_file, arguments.new_passphrase_file)


def _new(passphrases: Passphrases, place: str) -> str:
    """The passphrase of what is written to `place`; empty where it needs none."""
    return passphrases.new() if place == PASSPHRASE else ""


def _chosen(folder: KeyFolder, typed: list[str]) -> list[str]:
    """The fingerprints that a person means; without any, every key that is not lost."""
    known = [each.fingerprint for each in standings(folder, asks_keyring=False) if each.places]
    if not known:
        raise StateError("there is no key yet", "the first snapshot makes it: `memguard snapshot`")
    return [_one(known, beginning) for beginning in typed] or known


def _one(known: list[str], beginning: str) -> str:
    found = [name for name in known if name.startswith(beginning)]
    if len(found) != 1:
        what = f"{len(found)} keys begin with" if found else "no key begins with"
        raise UsageError(f"{what} {shown(beginning)!r}", "see `memguard key status`")
    return found[0]
