"""A rebuilt conversation where the client looks for it, so that `claude --resume ID` finds it.

The client keeps a conversation at `<config>/projects/<folder>/<session>.jsonl`, where the folder is named after the
working directory, each character but letters and digits replaced by a dash; sub-agents' below `<session>/subagents/`.
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from typing import TYPE_CHECKING, NamedTuple

from memguard.core.errors import StateError
from memguard.core.layout import is_plain_id
from memguard.state import files
from memguard.state.rebuild import leave_out_torn, part_of, rebuild
from memguard.state.source import MAIN
from memguard.state.whole_lines import WholeLines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from memguard.state.envelope import KeySource, Sink
    from memguard.state.snapshot import Snapshot
    from memguard.state.store import Store

_ENDING = ".jsonl"
_META = ".meta.json"
_AGENTS = "subagents"
# Longer names the client cuts, and adds a digest that only it can make.
_LONGEST_FOLDER = 200


class Placed(NamedTuple):
    """The session by whose id the conversation can be resumed; how many bytes of torn last lines are not in it."""

    session: str
    torn_bytes: int


def client_folder(config: str, cwd: str) -> str:
    """Where a client with this configuration keeps the conversations of a working directory.

    StateError where its name is one that the client would cut.
    """
    name = re.sub(r"[^a-zA-Z0-9]", "-", os.path.realpath(cwd))
    if len(name) > _LONGEST_FOLDER:
        raise StateError(
            f"the path {files.shown(cwd)} is too long to find the client's folder of it", "use --transcript"
        )
    return os.path.join(config, "projects", name)


def place(store: Store, snapshot: Snapshot, keys: KeySource, folder: str) -> Placed:
    """Write the conversation and its sub-agents' into `folder`, each up to its last whole line.

    Under its own id where the client has no such conversation, under a new one beside it otherwise: nothing of the
    person's is ever replaced. An error leaves none of it.
    """
    part_of(snapshot, MAIN)
    session = _free_id(folder, snapshot["session_id"])
    placing = _Placing(store, snapshot, keys, session)
    with files.told(folder):
        files.private_dirs(folder)
        try:
            for part in snapshot["transcripts"]:
                if part["is_sealed"]:
                    placing.write(part["name"], part["meta"], folder)
        except BaseException:
            placing.undo()
            raise
    return Placed(session, placing.torn_bytes)


def _free_id(folder: str, session: str) -> str:
    """An id of which there is nothing yet: a transcript may be gone, and its sub-agents' still there."""
    is_free = is_plain_id(session) and not any(
        os.path.lexists(os.path.join(folder, session + ending)) for ending in (_ENDING, "")
    )
    return session if is_free else str(uuid.uuid4())


class _Placing:
    """Files that are being written, each under its name only once it is whole."""

    def __init__(self, store: Store, snapshot: Snapshot, keys: KeySource, session: str) -> None:
        self._store = store
        self._snapshot = snapshot
        self._keys = keys
        self._session = session
        self.torn_bytes = 0
        self._written: list[str] = []

    def write(self, stream: str, meta: str, folder: str) -> None:
        if stream == MAIN:
            self._write(stream, os.path.join(folder, self._session + _ENDING))
            return
        folder = os.path.join(folder, self._session, _AGENTS)
        files.private_dirs(folder)
        self._write(stream, os.path.join(folder, stream + _ENDING))
        if meta:
            with self._new(os.path.join(folder, stream + _META)) as sink:
                sink.write(meta.encode())

    def _write(self, stream: str, path: str) -> None:
        with self._new(path) as sink:
            lines = WholeLines(sink)
            renamed = _Renamed(lines, self._snapshot["session_id"], self._session)
            rebuild(self._store, self._snapshot, stream, renamed, self._keys)
            renamed.finish()
            self.torn_bytes += leave_out_torn(sink, lines).torn_bytes

    @contextlib.contextmanager
    def _new(self, path: str) -> Iterator[BinaryIO]:
        with files.appearing(path) as sink:
            yield sink
        self._written.append(path)

    def undo(self) -> None:
        """Remove what was written so far."""
        for path in self._written:
            if os.path.lexists(path):
                files.remove(path)


class _Renamed:
    """A sink that gives a conversation another session id on its way. Inside of a text, quotes are escaped."""

    def __init__(self, sink: Sink, old: str, new: str) -> None:
        self._sink = sink
        self._old = f'"sessionId":"{old}"'.encode()
        self._new = f'"sessionId":"{new}"'.encode()
        self._held = b""

    def write(self, data: bytes, /) -> None:
        if self._old == self._new:
            self._sink.write(data)
            return
        whole = (self._held + data).replace(self._old, self._new)
        end = max(0, len(whole) - len(self._old) + 1)  # what may be the beginning of one waits for the rest
        self._sink.write(whole[:end])
        self._held = whole[end:]

    def finish(self) -> None:
        """Give out the rest."""
        self._sink.write(self._held)
