"""A disk that keeps another byte than it was given, and reports success: what was sealed is opened before it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError
from memguard.state.archive import export
from memguard.state.importing import take_in
from memguard.state.keys import public_key
from tests.fault_files import OtherByte, handled
from tests.transcripts import Box

SEALED = ".sealed"
EXPORTED = ".piece"  # what an archive is put together from


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A snapshot, and more to be captured."""
    box = Box(tmp_path)
    box.transcript.fill(300_000)
    box.take()
    box.transcript.fill(300_000)
    return box


def contents(box: Box) -> dict[Path, bytes]:
    """All files of the store."""
    return {path: path.read_bytes() for path in Path(box.store.project_dir).rglob("*") if path.is_file()}


def is_refused(box: Box, fault: OtherByte) -> bool:
    with handled(str(box.folder), fault):
        try:
            box.take(cwd="")
        except EnvelopeError:
            return True
    return False


def test_in_what_a_capture_seals(box: Box) -> None:
    """Segments, and the record: each write of them in turn, until there are no more."""
    before, faults = contents(box), [OtherByte(1, SEALED)]
    while is_refused(box, faults[-1]):
        assert contents(box) == before
        faults.append(OtherByte(len(faults) + 1, SEALED))
    assert not faults.pop().path, "it was not noticed"
    assert {"manifest.sealed" in fault.path for fault in faults} == {True, False}
    assert box.told(box.store.ids()[0]) == box.transcript.path.read_bytes()


def test_in_what_an_import_seals(box: Box) -> None:
    archive, own = box.folder / "archive", public_key(str(box.state))
    export(box.store, box.newest(), str(archive), box.keys, own)
    before = contents(box)
    fault = OtherByte(1, SEALED)
    with pytest.raises(EnvelopeError), handled(str(box.folder), fault):
        take_in(box.store, str(archive), box.keys, own)
    assert fault.path
    assert contents(box) == before


def test_in_what_an_export_seals(box: Box) -> None:
    archive, fault = box.folder / "archive", OtherByte(1, EXPORTED)
    snapshot, before = box.newest(), sorted(box.folder.iterdir())
    with pytest.raises(EnvelopeError), handled(str(box.folder), fault):
        export(box.store, snapshot, str(archive), box.keys, public_key(str(box.state)))
    assert fault.path
    assert sorted(box.folder.iterdir()) == before
