"""How long snapshots are kept: `retention_days`, but never without the newest good one; spools likewise."""

from __future__ import annotations

import calendar
import os
import time
from typing import TYPE_CHECKING

from memguard.core.layout import COMPILED, SPOOL, read_pairs, remove
from memguard.state import files

if TYPE_CHECKING:
    from memguard.state.store import Store

DEFAULT_DAYS = 7.0
_DAY_S = 86400


def retention_days(project_dir: str) -> float:
    """What the project's compiled configuration says, 7 where it says nothing."""
    try:
        return float(read_pairs(os.path.join(project_dir, COMPILED)).get("retention_days", DEFAULT_DAYS))
    except ValueError:
        return DEFAULT_DAYS


def prune(store: Store, days: float, now_utc_s: float | None = None) -> list[str]:
    """Remove what is older; the ids that went. Only under the store's lock.

    Each is renamed first, so that a removal that dies halfway leaves nothing that looks like a snapshot.
    """
    now = time.time() if now_utc_s is None else now_utc_s
    ids = store.ids()
    kept = next(filter(store.is_whole, ids), "")
    gone = [name for name in ids if name != kept and _age_s(name, now) > days * _DAY_S]
    for name in gone:
        hidden = os.path.join(store.folder, f".gone-{name}")
        os.rename(os.path.join(store.folder, name), hidden)
        files.remove_tree(hidden)
    return gone


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


def _age_s(snapshot_id: str, now_utc_s: float) -> float:
    """By the id, which nothing that is done to the files changes; 0 for a name that is no id."""
    try:
        return now_utc_s - calendar.timegm(time.strptime(snapshot_id[:16], "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return 0.0
