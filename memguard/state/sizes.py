"""What the snapshots of a project take on the disk together; a segment that several need is counted once."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from memguard.state import files
from memguard.state.store import own_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memguard.state.segment_list import Need
    from memguard.state.store import Store


class Sizes:
    """Reads no list of segments until something is to be removed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._users: Counter[Need] | None = None

    def total_bytes(self, ids: Iterable[str]) -> int:
        """Of these snapshots, and of all segments that there are."""
        return sum(own_bytes(self._store, name) for name in ids) + _below(self._store.conversations)

    def remove(self, snapshot_id: str) -> int:
        """How many bytes would go with this one, those before it being gone already."""
        if self._users is None:
            self._users = Counter(need for name in self._store.ids() for need in _needs(self._store, name))
        needs = _needs(self._store, snapshot_id)
        self._users.subtract(needs)
        freed = sum(need.sealed_bytes for need in needs if self._users[need] == 0)
        return own_bytes(self._store, snapshot_id) + freed


def _needs(store: Store, snapshot_id: str) -> list[Need]:
    try:
        return store.needs(snapshot_id)
    except (OSError, ValueError):
        return []


def _below(folder: str) -> int:
    """The plain files below a folder, in bytes."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return 0
    return sum(
        _below(entry.path) if entry.is_dir(follow_symlinks=False) else max(0, files.size_bytes(entry.path))
        for entry in entries
    )
