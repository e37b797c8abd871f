"""What is done to a store while the disk fails, and what there is before and after."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from memguard.state.archive import export
from memguard.state.importing import take_in
from memguard.state.keys import public_key
from memguard.state.rebuild import rebuild_to_file
from memguard.state.resumable import place
from tests.fault_files import Killed, in_child
from tests.transcripts import SESSION, Box, Transcript

MARKER = "the marker that nobody else may read"


def take(box: Box) -> None:
    """A capture in this process, of the conversation alone: git is asked for nothing."""
    box.take(cwd="")


def keep_one(box: Box) -> None:
    """From now on a capture removes what was taken before."""
    box.compile(retention_count=1)
    (Path(box.store.project_dir) / "compiled").chmod(0o600)


def out(box: Box) -> Path:
    """Where restored files go."""
    return box.folder / "out"


def _nothing(box: Box) -> None:
    box.transcript.prompt(MARKER)


def _short_segment(box: Box) -> None:
    """A last segment that is sealed anew, a torn line, and a sub-agent."""
    agent = Transcript(box.transcript.path.with_suffix("") / "subagents" / "agent-a1.jsonl")
    agent.prompt(MARKER)
    box.transcript.prompt(MARKER)
    take(box)
    agent.prompt("further")
    box.transcript.prompt(MARKER)
    box.transcript.raw(b'{"type":"user","mess')


def _too_many(box: Box) -> None:
    """A transcript that was rewritten: new segments, and two old snapshots go with all of theirs."""
    for _ in range(2):
        box.transcript.prompt(MARKER)
        take(box)
    box.transcript.path.write_bytes(b"")
    box.transcript.prompt(MARKER + " again")
    keep_one(box)


def _leftovers(box: Box) -> None:
    """Of a capture that was killed when its segment was sealed."""
    box.transcript.prompt(MARKER)
    take(box)
    box.transcript.prompt(MARKER)
    in_child(box.folder, lambda: take(box), Killed(20, is_after=False))
    assert any(name.startswith(".") for name in os.listdir(box.store.folder))
    assert len(box.segments()) == 2


def _snapshot(box: Box) -> None:
    _short_segment(box)
    take(box)
    out(box).mkdir()


def _archive(box: Box) -> None:
    _snapshot(box)
    _export(box)


def _take_for_restart(box: Box) -> None:
    """With the note that the next session is to read."""
    box.take(cwd="", guard=str(out(box)), handoff="ticket-1")


def _rebuild(box: Box) -> None:
    rebuild_to_file(box.store, box.newest(), "main", str(out(box) / "main.jsonl"), box.keys)


def _place(box: Box) -> None:
    place(box.store, box.newest(), box.keys, str(out(box)))


def _export(box: Box) -> None:
    export(box.store, box.newest(), str(out(box) / "archive"), box.keys, public_key(str(box.state)))


def _import(box: Box) -> None:
    take_in(box.store, str(out(box) / "archive"), box.keys, public_key(str(box.state)))


def _check_nothing(_: Box) -> None:
    """What it does is in the store."""


def _check_rebuilt(box: Box) -> None:
    """All whole lines of the conversation, or no file at all."""
    for path in out(box).iterdir():
        assert path.name == "main.jsonl", path
        assert path.read_bytes() == _lines(box.told()), "a part of the conversation"


def _check_placed(box: Box) -> None:
    """Each file under its name, and whole."""
    for path in filter(Path.is_file, out(box).rglob("*")):
        assert path.suffix == ".jsonl", path
        name = "main" if path.stem == SESSION else path.stem
        assert path.read_bytes() == _lines(box.told(name=name)), "a part of a conversation"


def _lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _check_exported(box: Box) -> None:
    """Whatever is left is sealed."""
    for path in filter(Path.is_file, out(box).rglob("*")):
        assert MARKER.encode() not in path.read_bytes(), path
        assert path.stat().st_mode & 0o077 == 0, path


class Scene(NamedTuple):
    """What there is before, what is done, what must hold beside the store; whether snapshots come and may go by it."""

    name: str
    prepare: Callable[[Box], None]
    act: Callable[[Box], None] = take
    check: Callable[[Box], None] = _check_nothing
    adds: bool = True
    may_remove: bool = False


SCENES = (
    Scene("first capture, keys made", _nothing),
    Scene("recapture, short segment sealed anew", _short_segment),
    Scene("retention removes", _too_many, may_remove=True),
    Scene("clearing up after a killed one", _leftovers),
    Scene("capture before a restart", _snapshot, _take_for_restart, _check_exported),
    Scene("rebuilding a conversation", _snapshot, _rebuild, _check_rebuilt, adds=False),
    Scene("putting it back for the client", _snapshot, _place, _check_placed, adds=False),
    Scene("exporting", _snapshot, _export, _check_exported, adds=False),
    Scene("importing", _archive, _import, _check_exported),
)
