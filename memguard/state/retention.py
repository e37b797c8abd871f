"""How long snapshots are kept: by age, number and size, but never without the newest good ones; spools by age."""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING

from memguard.core.layout import SPOOL, remove
from memguard.state import files
from memguard.state.garbage import collect
from memguard.state.sizes import Sizes

if TYPE_CHECKING:
    from memguard.state.compiled import SnapshotSettings
    from memguard.state.store import Store

_DAY_S = 86400
_ID_CHARS = len("20261123T013405Z-1f3a9c")


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
    for name in ids:
        if surplus_bytes > 0 and name not in kept and name not in gone:
            surplus_bytes -= sizes.remove(name)
            gone.append(name)
    return gone


def _beyond_count(ids: list[str], gone: list[str], kept: set[str], most: float) -> list[str]:
    candidates = [name for name in ids if name not in gone and name not in kept]
    return candidates[: max(0, len(ids) - len(gone) - int(most))]


def protected(store: Store, sessions: set[str]) -> set[str]:
    """What must stay: the newest good snapshot of all, and that of each of these sessions."""
    kept: set[str] = set()
    wanted = set(sessions)
    for name in store.ids():
        session = store.about(name).get("session", "")
        if (session in wanted or not kept) and store.is_whole(name):
            kept.add(name)
            wanted.discard(session)
        if kept and not wanted:
            break
    return kept


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
    """By the id, which nothing that is done to the files changes; False for a name that is no id.

    Compared as text: `time.strptime` and what it imports take 12 ms.
    """
    is_id = len(snapshot_id) == _ID_CHARS and snapshot_id[8:9] == "T" and snapshot_id[:8].isdecimal()
    return is_id and snapshot_id[:16] < time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(max(0, t_utc_s)))
