"""A project's snapshots: `<state>/<project key>/snapshots/<id>/`, each whole or not there.

    manifest.sealed     the record, sealed
    transcript.sealed   the redacted conversation, sealed; missing where there was none
    about               ids, sizes, times and the reason, plain

A capture builds a hidden folder beside them and renames it at the end. It holds the store's lock all the while, so any
hidden folder that another finds under the lock is of a capture that died.
"""

from __future__ import annotations

import contextlib
import io
import os
from typing import TYPE_CHECKING

from memguard.core.errors import MemguardError, StateError
from memguard.core.layout import SNAPSHOTS, is_plain_id, private_dir, project_dir, read_pairs, write_pairs
from memguard.state import envelope, files
from memguard.state.lock import store_lock
from memguard.state.snapshot import Snapshot, from_json, new_id, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = "manifest.sealed"
TRANSCRIPT = "transcript.sealed"
ABOUT = "about"
_LATEST = "latest"
_LIST = "see `memguard snapshots list`"


class Store:
    """The snapshots of one project."""

    def __init__(self, state_dir: str, project_key: str) -> None:
        self.project_key = project_key
        self.project_dir = project_dir(state_dir, project_key)
        self.folder = os.path.join(self.project_dir, SNAPSHOTS)

    def ids(self) -> list[str]:
        """Every snapshot, newest first."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return sorted((name for name in names if is_plain_id(name)), reverse=True)

    def about(self, snapshot_id: str) -> dict[str, str]:
        """The plain facts of one snapshot; empty where they are missing."""
        return read_pairs(os.path.join(self.folder, snapshot_id, ABOUT))

    def is_whole(self, snapshot_id: str) -> bool:
        """Whether every file is there at the length it was written with. Opening it says the rest."""
        about, folder = self.about(snapshot_id), os.path.join(self.folder, snapshot_id)
        noted = {MANIFEST: about.get("manifest_bytes"), TRANSCRIPT: about.get("transcript_sealed_bytes")}
        return all(str(_size(os.path.join(folder, name))) == size for name, size in noted.items())

    def find(self, wanted: str) -> str:
        """The id that a person means by an id, the beginning of one, or `latest`."""
        ids = self.ids()
        if not ids:
            raise StateError("this project has no snapshot yet", "take one with `memguard snapshot`")
        if wanted == _LATEST:
            return next(filter(self.is_whole, ids), ids[0])
        found = [name for name in ids if name.startswith(wanted)]
        if len(found) != 1:
            what = f"{len(found)} snapshots begin with" if found else "no snapshot begins with"
            raise StateError(f"{what} {files.shown(wanted)[:80]!r}", _LIST)
        return found[0]

    def read(self, snapshot_id: str, private_key: bytes) -> Snapshot:
        """Open a snapshot's record. Raises EnvelopeError where it is not what was sealed, here."""
        content = io.BytesIO()
        self.open_into(snapshot_id, MANIFEST, content, private_key)
        return from_json(content.getvalue())

    def open_into(self, snapshot_id: str, name: str, sink: envelope.Sink, private_key: bytes) -> int:
        """Open one sealed file of a snapshot into `sink`; its length in bytes."""
        path = os.path.join(self.folder, snapshot_id, name)
        with files.told(path), open(path, "rb") as source:
            return envelope.open_sealed(source, sink, private_key, context(self.project_key, snapshot_id, name))

    @contextlib.contextmanager
    def draft(self, public_key: bytes, timeout_s: float = 30.0) -> Iterator[Draft]:
        """A new snapshot, under the lock. What isn't committed at the end is gone."""
        with files.told(self.folder):
            private_dir(self.project_dir)
            private_dir(self.folder)
            with store_lock(self.project_dir, timeout_s):
                clean(self.folder)
                draft = Draft(self, public_key)
                try:
                    yield draft
                finally:
                    files.remove_tree(draft.path)


def context(project_key: str, snapshot_id: str, name: str) -> bytes:
    """Where a sealed file belongs; it opens nowhere else."""
    return f"{project_key}/{snapshot_id}/{name}".encode()


def clean(folder: str) -> None:
    """Remove what captures and removals that died have left. Only under the lock."""
    for name in os.listdir(folder):
        if name.startswith("."):
            files.remove_tree(os.path.join(folder, name))


def open_to_file(store: Store, snapshot_id: str, name: str, path: str, private_key: bytes) -> int:
    """Open one sealed file of a snapshot into a new file of mode 0600; an error leaves no file."""
    partial = f"{path}.{os.getpid()}.part"
    try:
        with files.told(path), files.create(partial) as sink:
            length = store.open_into(snapshot_id, name, sink, private_key)
            files.sync(sink)
            os.replace(partial, path)
    except (MemguardError, OSError):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
        raise
    return length


class Draft:
    """A snapshot that is being made; `commit` puts it into the store."""

    def __init__(self, store: Store, public_key: bytes) -> None:
        self.id = new_id()
        self.path = os.path.join(store.folder, f".{self.id}")
        self._store = store
        self._public_key = public_key
        os.mkdir(self.path, 0o700)

    @contextlib.contextmanager
    def sealed(self, name: str) -> Iterator[SealedFile]:
        """A sealed file of this snapshot. At the end it is on the disk, and has been opened again."""
        path = os.path.join(self.path, name)
        with files.create(path) as sink:
            sealer = envelope.Sealer(sink, self._public_key, context(self._store.project_key, self.id, name))
            file = SealedFile(sealer)
            yield file
            file.receipt = sealer.finish()
            files.sync(sink)
        with open(path, "rb") as source:
            envelope.check(source, file.receipt)

    def commit(self, snapshot: Snapshot, transcript_sealed_bytes: int) -> str:
        """Add record and plain facts, and put the folder in place; the id."""
        with self.sealed(MANIFEST) as manifest:
            manifest.write(to_json(snapshot))
        write_pairs(os.path.join(self.path, ABOUT), _about(snapshot, manifest.sealed_bytes, transcript_sealed_bytes))
        files.sync_dir(self.path)
        os.rename(self.path, os.path.join(self._store.folder, self.id))
        files.sync_dir(self._store.folder)
        return self.id


class SealedFile:
    """What is written goes into the sealed file."""

    def __init__(self, sealer: envelope.Sealer) -> None:
        self.write = sealer.write
        self.receipt: envelope.Receipt | None = None

    @property
    def sealed_bytes(self) -> int:
        """Its length on the disk, once it is finished."""
        return self.receipt.sealed_bytes if self.receipt else 0


def _about(snapshot: Snapshot, manifest_bytes: int, transcript_sealed_bytes: int) -> dict[str, object]:
    return {
        "format": 1,
        "id": snapshot["id"],
        "t_utc": f"{snapshot['t_utc']:.3f}",
        "reason": snapshot["restart"]["reason"],
        "session": snapshot["session_id"],
        "client_pid": snapshot["process"]["pid"],
        "footprint_bytes": snapshot["process"]["footprint_bytes"],
        "transcript_bytes": snapshot["transcript"]["size_bytes"],
        "transcript_sealed_bytes": transcript_sealed_bytes,
        "manifest_bytes": manifest_bytes,
        "missing": len(snapshot["missing"]),
    }


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def size_bytes(store: Store, snapshot_id: str) -> int:
    """What a snapshot takes on the disk, in bytes."""
    folder = os.path.join(store.folder, snapshot_id)
    return sum(_size(os.path.join(folder, name)) for name in (MANIFEST, TRANSCRIPT, ABOUT))
