"""What must hold of a store after a fault, whatever it was."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from memguard.state import redact
from memguard.state.cursor import load_cursor
from memguard.state.segment import SUFFIX
from memguard.state.verify import Verifier
from tests.fault_scenes import MARKER, take
from tests.transcripts import Box

# What no snapshot needs and is there all the same.
_ALWAYS = frozenset(("snapshots.lock", "compiled", "memguard.log"))


def check_store(box: Box) -> None:
    """Every snapshot that is listed is whole and opens, and nobody else could read a word."""
    check_private(box.state)
    if not (ids := box.store.ids()):
        return
    verifier = Verifier(box.store, box.keys)
    for snapshot_id in ids:
        assert box.store.is_whole(snapshot_id), f"{snapshot_id} is listed and not whole"
        assert verifier.verify(snapshot_id) == [], snapshot_id


def check_next(box: Box) -> None:
    """The next capture is complete."""
    take(box)
    check_store(box)
    assert box.told() == box.transcript.path.read_bytes(), "another conversation"


def check_cleared(box: Box) -> None:
    """There is nothing but what is needed."""
    assert (left := leftovers(box)) == [], left


def check_private(folder: Path) -> None:
    """Files of 0600 in folders of 0700, and no marker in any of them."""
    for path in [folder, *folder.rglob("*")]:
        assert path.lstat().st_mode & 0o077 == 0, f"others can read {path}"
        assert path.is_dir() or MARKER.encode() not in path.read_bytes(), f"plaintext in {path}"


def leftovers(box: Box) -> list[str]:
    """Files in the state folder that nothing needs."""
    store, needed = box.store, set[str]()
    for snapshot_id in store.ids():
        needed |= {store.path(snapshot_id, name) for name in ("manifest.sealed", "about", "segments")}
        needed |= {store.segment_path(*need.place) for need in store.needs(snapshot_id)}
    for path in Path(store.conversations).glob("*/*/cursor"):
        cursor = load_cursor(str(path.parent))
        needed |= {
            str(path),
            *(str(path.parent / (part.name + SUFFIX)) for part in (cursor.segments if cursor else ())),
        }
    others = {path for path in box.files() if path.parent.name in ("keys", "rules")}
    found = {path for path in box.files() if path.name not in _ALWAYS} - others
    return sorted(str(path) for path in found if str(path) not in needed)


@contextlib.contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is such a place, and no rules but memguard's own.

    How long a disk takes to sync is not what is tested, and a library's rules take seconds to compile.
    """
    memory = "/dev/shm"
    place = memory if os.access(memory, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="memguard-walk-", dir=place) as name,
        mock.patch.object(redact, "prepare"),
        mock.patch.object(redact.rules._InUse, "library", None),
    ):
        yield Path(name)
