"""Removing what guards have left whose every process is gone: after a reboot, an OOM kill, a container's stop.

A guard's watchdog removes its folder at the end. Where that was killed, or a late hook wrote once more, the folder
stays, with the handoff of a restart that nobody claimed in it, and with processes that it had stopped.
"""

import os
import time

from memguard.core.identity import ProcessId, process_in
from memguard.core.layout import CLIENT, FROZEN, GUARD, SESSION_CLIENTS, WATCHDOG, is_plain_id, read_pairs, remove
from memguard.core.lock import FileLock, is_held
from memguard.core.session_clients import OF_GROUP, Left, add_left
from memguard.core.sessions import newest_session
from memguard.core.tool_record import tools_of
from memguard.host import identity
from memguard.host.containment.choice import left_in, release
from memguard.host.frozen_record import thaw_left

# A guard that is being made has no file yet that says whose it is.
_YOUNG_S = 60.0


def collect(runtime_dir: str) -> "list[str]":
    """Remove the guards whose launcher, client and watchdog are all gone, and their clients' records; the guards' ids.

    What a dead watchdog had stopped goes on, also where its guard is too young to be removed, or its client lives. What
    belongs to another pid namespace is left alone, since from here nobody can say whether it lives.
    Raises HostError where this host can't tell its boot or namespace.
    """
    thaw_unwatched(runtime_dir)
    used = _settle_records(f"{runtime_dir}/clients")
    folder = f"{runtime_dir}/guards"
    gone = []
    for name in _names(folder):
        if name not in used and _is_worth_a_look(f"{folder}/{name}") and _is_dead(f"{folder}/{name}"):
            thaw_left(f"{folder}/{name}")
            gone += [] if _is_young(f"{folder}/{name}") else [name]
    for name in gone:
        retire(runtime_dir, f"{folder}/{name}")
    _remove_torn(f"{runtime_dir}/{SESSION_CLIENTS}")
    return gone


def _is_worth_a_look(folder: str) -> bool:
    """A guard that is young is left in peace, unless it has stopped somebody."""
    return not _is_young(folder) or os.path.exists(f"{folder}/{FROZEN}")


def thaw_unwatched(runtime_dir: str) -> "list[ProcessId]":
    """Let go on what the watchdogs of living clients had stopped before they were killed; those that were on record.

    Without a launcher the next watchdog comes with a hook, and the client waits for the very call that is stopped. What
    a dead client's watchdog had stopped is an orphan by that record, so it is not taken away here.
    """
    folder = f"{runtime_dir}/guards"
    return [who for name in _names(folder) for who in _thaw_unwatched(f"{folder}/{name}")]


def _thaw_unwatched(folder: str) -> "list[ProcessId]":
    """Under the watchdog's own lock: one that begins meanwhile puts nobody on a record that is about to be removed."""
    if not os.path.exists(f"{folder}/{FROZEN}") or os.path.islink(folder) or not _has_client(folder):
        return []
    lock = FileLock(f"{folder}/{WATCHDOG}")
    try:
        return thaw_left(folder) if lock.acquire(blocking=False) else []
    except OSError:  # gone meanwhile, or not to be written
        return []
    finally:
        lock.release()


def _has_client(folder: str) -> bool:
    client = process_in(read_pairs(f"{folder}/{CLIENT}").get("id", ""))
    return client is not None and identity.is_alive(client)


def retire(runtime_dir: str, guard_dir: str) -> None:
    """Remove a guard; what tool calls of its client have left running is remembered beside their session."""
    thaw_left(guard_dir)
    try:
        _keep_tools(runtime_dir, guard_dir)
    except (OSError, ValueError):
        pass  # a full disk: what carries its session's id is found all the same
    release(guard_dir)
    remove_folder(guard_dir)


def _keep_tools(runtime_dir: str, guard_dir: str) -> None:
    client = process_in(read_pairs(f"{guard_dir}/{CLIENT}").get("id", ""))
    newest = newest_session(guard_dir)
    for tool in tools_of(guard_dir):
        session_id = tool.session or newest
        if client and session_id and identity.is_alive(tool.who):
            add_left(runtime_dir, session_id, Left(tool.who, client, tool.tool))
    for who in filter(None, map(identity.identify, left_in(guard_dir))):
        if client and newest:
            add_left(runtime_dir, newest, Left(who, client, OF_GROUP))


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
    if os.path.islink(folder) or not os.path.isdir(folder):
        return False
    launcher, client = (
        read_pairs(f"{folder}/{GUARD}").get("launcher", ""),
        read_pairs(f"{folder}/{CLIENT}").get("id", ""),
    )
    return not (_may_live(launcher) or _may_live(client) or is_held(f"{folder}/{WATCHDOG}"))


def _may_live(text: str) -> bool:
    """Whether the process that `text` names lives, or may live where this host can't see it."""
    who = process_in(text)
    if who is None or who.boot_id != identity.boot_id():
        return False  # none named, or none that could
    return who.pid_namespace != identity.pid_namespace() or identity.is_alive(who)


def _is_young(path: str) -> bool:
    try:
        return abs(time.time() - os.lstat(path).st_mtime) < _YOUNG_S
    except OSError:
        return True  # gone: another collects at the same time


def _names(folder: str) -> "list[str]":
    return [name for name in os.listdir(folder) if is_plain_id(name)] if os.path.isdir(folder) else []


def _remove_torn(folder: str) -> None:
    """What a process of ours that was killed has left half-done beside the sessions' files."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if not is_plain_id(name) and not _is_young(f"{folder}/{name}"):
            remove(f"{folder}/{name}")


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
