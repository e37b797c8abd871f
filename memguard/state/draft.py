"""A snapshot that is being made: a hidden folder beside the others, renamed when all that it needs is on the disk.

A capture holds the store's lock all the while, so a hidden folder that another finds is of a capture that died. Nothing
names the segments that it had written by then: they go with it.

Synced are, in this order: each new segment, the folders that have new segments, the three files of the snapshot, their
folder, and, once it is renamed, the folder above. A capture that found nothing new to seal syncs five times.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from memguard.core.errors import EnvelopeError
from memguard.core.layout import is_plain_id
from memguard.state import envelope, files
from memguard.state.about import MANIFEST, manifest_context, plain_files
from memguard.state.segment import session_folder
from memguard.state.snapshot import Snapshot, new_id, to_json

if TYPE_CHECKING:
    from memguard.state.store import Store


class Draft:
    """`commit` puts it into the store; `abandon` removes what was written, and does nothing after `commit`.

    Raises EnvelopeError for a session id that is no name of a folder: records may come from elsewhere.
    """

    def __init__(self, store: Store, public_key: bytes, session_id: str) -> None:
        self.id = new_id()
        self.path = os.path.join(store.folder, f".{self.id}")
        self.project_key = store.project_key
        self.public_key = public_key
        self.session = _plain(session_folder(session_id))
        self._store = store
        self._segments: list[str] = []
        files.make_dir(self.path)

    def stream_folder(self, stream: str) -> str:
        """Where the segments of a stream are, and its cursor; it need not exist.

        EnvelopeError for a name that leads elsewhere.
        """
        return os.path.join(self._store.conversations, self.session, _plain(stream))

    def add_segment(self, path: str) -> None:
        """A segment that is about to be written there: made room for, and removed where this comes to nothing."""
        files.private_dirs(os.path.dirname(path))
        self._segments.append(path)

    def commit(self, snapshot: Snapshot) -> None:
        """Add record and plain facts, and put the folder in place."""
        manifest_bytes = self._seal_record(to_json(snapshot))
        for name, content in plain_files(snapshot, manifest_bytes).items():
            files.write_new(os.path.join(self.path, name), content)
        for folder in {os.path.dirname(path) for path in self._segments}:
            files.sync_dir(folder)
        files.sync_dir(self.path)
        files.rename(self.path, os.path.join(self._store.folder, self.id))
        self._segments.clear()
        files.sync_dir(self._store.folder)

    def _seal_record(self, record: bytes) -> int:
        """Sealed, on the disk, and opened again; its length there."""
        path = os.path.join(self.path, MANIFEST)
        with files.create(path) as sink:
            sealer = envelope.Sealer(sink, self.public_key, manifest_context(self.project_key, self.id))
            sealer.write(record)
            receipt = sealer.finish()
            files.sync(sink)
        with files.open_read(path) as source:
            envelope.check(source, receipt)
        return receipt.sealed_bytes

    def abandon(self) -> None:
        """The hidden folder goes last: while it is there, the next capture clears up."""
        with contextlib.suppress(OSError):
            for path in self._segments:
                files.remove(path)
            files.remove_tree(self.path)


def _plain(name: str) -> str:
    if not is_plain_id(name):
        raise EnvelopeError("the snapshot names a folder that can't be", "use another snapshot")
    return name
