"""Segments that nothing needs any more. Only under the store's lock."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memguard.state import files
from memguard.state.about import OLDEST_FORMAT
from memguard.state.cursor import CURSOR, load_cursor
from memguard.state.segment import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memguard.state.segment_list import Need
    from memguard.state.store import Store

Place = tuple[str, str, str]


def clean(store: Store) -> None:
    """Remove what captures and removals that died have left: hidden folders, and segments that nothing names."""
    hidden = [name for name in files.names_in(store.folder) if name.startswith(".")]
    # While a hidden folder is there, the next capture looks again.
    if not hidden or not collect(store):
        return
    for name in hidden:
        files.remove_tree(os.path.join(store.folder, name))


def collect(store: Store) -> bool:
    """Remove every segment that no snapshot and no cursor names. Where it can't be known, none is removed: False.

    A stream of which no snapshot names anything goes with its cursor.
    """
    needed = needed_places(store)
    if needed is None:
        return False
    names: dict[tuple[str, str], set[str]] = {}
    for session, stream, name in needed:
        names.setdefault((session, stream), set()).add(name)
    for session, stream in _streams(store):
        folder = os.path.join(store.conversations, session, stream)
        if (session, stream) in names:
            _collect_stream(folder, names[session, stream])
        else:
            files.remove_tree(folder)
    for session in files.names_in(store.conversations):
        if not files.names_in(os.path.join(store.conversations, session)):
            files.remove_tree(os.path.join(store.conversations, session))
    return True


def needed_places(store: Store) -> set[Place] | None:
    """What the snapshots name, the damaged ones too; None where one's list can't be read."""
    needed: set[Place] = set()
    for snapshot_id in store.ids():
        needs = _needs(store, snapshot_id)
        if needs is None:
            return None
        needed |= {need.place for need in needs}
    return needed


def unreadable_lists(store: Store, ids: Iterable[str]) -> list[str]:
    """Those of these snapshots whose list of segments can't be read: while one is there, no segment is removed."""
    return [snapshot_id for snapshot_id in ids if _needs(store, snapshot_id) is None]


def _needs(store: Store, snapshot_id: str) -> list[Need] | None:
    try:
        return store.needs(snapshot_id)
    except (OSError, ValueError):
        return [] if store.about(snapshot_id).get("format") == OLDEST_FORMAT else None


def _streams(store: Store) -> Iterator[tuple[str, str]]:
    for session in files.names_in(store.conversations):
        for stream in files.names_in(os.path.join(store.conversations, session)):
            yield session, stream


def _collect_stream(folder: str, needed: set[str]) -> None:
    try:
        cursor = load_cursor(folder)
    except (OSError, ValueError):
        cursor = None  # the next capture begins afresh, whatever is left
    needed |= {segment.name for segment in cursor.segments} if cursor else set()
    kept = {CURSOR, *(name + SUFFIX for name in needed)}
    for name in files.names_in(folder):
        if name not in kept:
            files.remove_tree(os.path.join(folder, name))
