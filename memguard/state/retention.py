"""How long snapshots are kept: by age, number and size, but never without the newest good ones; spools by age."""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING

from memguard.core.layout import COMPILED, SPOOL, remove
from memguard.state import files
from memguard.state.about import SEGMENTS
from memguard.state.garbage import collect, unreadable_lists
from memguard.state.holding import holding
from memguard.state.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memguard.state.compiled import SnapshotSettings
    from memguard.state.holding import Holding
    from memguard.state.store import Store

_DAY_S = 86400
_STAMP_CHARS = len("20261123T013405Z")


def prune(
    store: Store, settings: SnapshotSettings, session: str, now_utc_s: float | None = None, taken: str = ""
) -> list[str]:
    """Remove what is too old, too many or too large, the oldest first; the ids that went. Only under the store's lock.

    `taken` is the snapshot that was just taken, of `session`: it stays, also where others have ids of a clock that was
    ahead. Each one is renamed first, so that a removal that dies halfway leaves nothing that looks like a snapshot.
    """
    now = time.time() if now_utc_s is None else now_utc_s
    gone = [name for name in _due(store, settings, session, now) if name != taken]
    for name in gone:
        files.rename(os.path.join(store.folder, name), _hidden(store, name))
    if gone:
        # Before a segment goes: a power cut must not bring back a snapshot that lacks some of its own.
        files.sync_dir(store.folder)
    if gone and collect(store):
        for name in gone:
            files.remove_tree(_hidden(store, name))
    return gone


def _hidden(store: Store, snapshot_id: str) -> str:
    return os.path.join(store.folder, f".gone-{snapshot_id}")


def _due(store: Store, settings: SnapshotSettings, session: str, now_utc_s: float) -> list[str]:
    """Oldest first. What must stay is looked for only where something is to go."""
    ids = sorted(store.ids())
    is_old = {name: _is_before(name, now_utc_s - settings.retention_days * _DAY_S) for name in ids}
    sizes = Sizes(store)
    surplus_bytes = sizes.total_bytes(ids) - settings.retention_bytes
    if not any(is_old.values()) and len(ids) <= settings.retention_count and surplus_bytes <= 0:
        return []
    kept = protected(store, live_sessions(settings.runtime_dir) | {session})
    gone = [name for name in ids if is_old[name] and name not in kept]
    gone += _beyond_count(ids, gone, kept, settings.retention_count)
    surplus_bytes -= sum(map(sizes.remove, gone)) if surplus_bytes > 0 else 0
    candidates = [name for name in ids if name not in kept and name not in gone]
    if surplus_bytes > 0 and not _frees_nothing(store, ids):
        for name in candidates:
            if surplus_bytes > 0:
                surplus_bytes -= sizes.remove(name)
                gone.append(name)
    return gone


def _frees_nothing(store: Store, ids: list[str]) -> bool:
    """Whether no segment can go, whatever snapshot does: then none is given up for its size, and the log says why.

    Asked of those that go now, too: what a damaged one frees is known once it is gone.
    """
    unreadable = unreadable_lists(store, ids)
    for name in unreadable[:1]:
        why = f"{name}/{SEGMENTS} is damaged, so no segment could go with it"
        from memguard.logs.logger import logger_of  # rarely needed: importing `logging` takes 20 ms

        logger = logger_of(store.state_dir, f"{store.project_dir}/{COMPILED}")
        logger.warning("retention: over the size, but no snapshot is removed for that: %s", why)
    return bool(unreadable)


def _beyond_count(ids: list[str], gone: list[str], kept: set[str], most: float) -> list[str]:
    candidates = [name for name in ids if name not in gone and name not in kept]
    return candidates[: max(0, len(ids) - len(gone) - int(most))]


def protected(store: Store, sessions: set[str]) -> set[str]:
    """What must stay: the newest good snapshot of all, and of each of these sessions what `_of_session` says."""
    ids = store.ids()
    held = {name: holding(store, name) for name in ids}
    newest = next((name for name in ids if held[name].is_whole and store.is_whole(name)), "")
    of_all = {held[newest].session} if newest else set[str]()
    return _first_good(store, ids).union(
        *(
            _of_session(store, {name: held[name] for name in ids if held[name].session == session})
            for session in sessions | of_all
        )
    )


def _of_session(store: Store, held: dict[str, Holding]) -> set[str]:
    """The newest good one, and the newest with all of the conversation; and the one that holds most of it.

    A client's file can become shorter, or be rewritten, so what comes after holds less. What was there before is kept,
    and so is the snapshot that says when that was: without it, the one before would be forgotten by and by.
    """
    names = list(held)
    kept = _first_good(store, names) | _first_good(store, [name for name in names if held[name].is_whole])
    replaced = next((place for place, name in enumerate(names) if held[name].is_replaced), -1)
    before = [name for name in names[replaced + 1 :] if held[name].main_bytes]
    fullest = _first_good(store, sorted(before, key=lambda name: held[name].main_bytes, reverse=True))
    return kept | fullest | ({names[replaced]} if replaced >= 0 and fullest else set())


def _first_good(store: Store, names: Iterable[str]) -> set[str]:
    """The first that is good, as far as can be told without a key."""
    return set(itertools.islice(filter(store.is_whole, names), 1))


def live_sessions(runtime_dir: str) -> set[str]:
    """The ids that a living client has, or may have: a record that can't be believed counts as one."""
    if not runtime_dir:
        return set()
    from memguard.core.session_clients import read_session, session_ids
    from memguard.host.identity import is_alive

    records = map(read_session, itertools.repeat(runtime_dir), session_ids(runtime_dir))
    return {record.session_id for record in records if not record.is_whole or any(map(is_alive, record.clients))}


def prune_spools(project_dir: str, days: float, now_utc_s: float | None = None) -> list[str]:
    """Remove the spools that no event was added to for longer; their names. The rules of snapshots don't hold here."""
    now = time.time() if now_utc_s is None else now_utc_s
    folder = os.path.join(project_dir, SPOOL)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    gone = [name for name in names if now - _changed_utc_s(os.path.join(folder, name), now) > days * _DAY_S]
    for name in gone:
        remove(os.path.join(folder, name))
    return gone


def _changed_utc_s(path: str, now_utc_s: float) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return now_utc_s  # gone already


def _is_before(snapshot_id: str, t_utc_s: float) -> bool:
    """By the id, which nothing that is done to the files changes.

    Compared as text: `time.strptime` and what it imports take 12 ms.
    """
    return snapshot_id[:_STAMP_CHARS] < time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(max(0, t_utc_s)))
