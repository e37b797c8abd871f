"""Removing what guards have left whose every process is gone: after a reboot, an OOM kill, a container's stop.

A guard's watchdog removes its folder at the end. Where that was killed, or a late hook wrote once more, the folder
stays, with the handoff of a restart that nobody claimed in it.
"""

import os
import time

from memguard.core.identity import ProcessId
from memguard.core.layout import CLIENT, GUARD, WATCHDOG, is_plain_id, read_pairs, remove
from memguard.core.lock import is_held
from memguard.host import identity

# A guard that is being made has no file yet that says whose it is.
_YOUNG_S = 60.0


def collect(runtime_dir: str) -> "list[str]":
    """Remove the guards whose launcher, client and watchdog are all gone, and their clients' records; the guards' ids.

    What belongs to another pid namespace is left alone, since from here nobody can say whether it lives.
    Raises HostError where this host can't tell its boot or namespace.
    """
    used = _settle_records(f"{runtime_dir}/clients")
    folder = f"{runtime_dir}/guards"
    gone = [name for name in _names(folder) if name not in used and _is_dead(f"{folder}/{name}")]
    for name in gone:
        remove_folder(f"{folder}/{name}")
    return gone


def _settle_records(folder: str) -> "set[str]":
    """Remove the records of clients that are gone; the guards that the others name."""
    used = set()
    for name in _names(folder):
        record = read_pairs(f"{folder}/{name}")
        if _may_live(record.get("id", "")) or _is_young(f"{folder}/{name}"):
            used.add(record.get("guard", ""))
        else:
            remove(f"{folder}/{name}")
    return used


def _is_dead(folder: str) -> bool:
    if os.path.islink(folder) or not os.path.isdir(folder) or _is_young(folder):
        return False
    launcher, client = (
        read_pairs(f"{folder}/{GUARD}").get("launcher", ""),
        read_pairs(f"{folder}/{CLIENT}").get("id", ""),
    )
    return not (_may_live(launcher) or _may_live(client) or is_held(f"{folder}/{WATCHDOG}"))


def _may_live(text: str) -> bool:
    """Whether the process that `text` names lives, or may live where this host can't see it."""
    try:
        who = ProcessId.from_text(text)
    except ValueError:
        return False  # none named
    if who.boot_id != identity.boot_id():
        return False
    return who.pid_namespace != identity.pid_namespace() or identity.is_alive(who)


def _is_young(path: str) -> bool:
    try:
        return abs(time.time() - os.lstat(path).st_mtime) < _YOUNG_S
    except OSError:
        return True  # gone: another collects at the same time


def _names(folder: str) -> "list[str]":
    return [name for name in os.listdir(folder) if is_plain_id(name)] if os.path.isdir(folder) else []


def remove_folder(folder: str) -> None:
    """Everything in it, no link followed; what is added meanwhile stays for the next time."""
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            remove(f"{parent}/{name}")
        for name in folders:
            _remove_entry(f"{parent}/{name}")
    _remove_entry(folder)


def _remove_entry(path: str) -> None:
    try:
        os.unlink(path) if os.path.islink(path) else os.rmdir(path)
    except OSError:
        return
