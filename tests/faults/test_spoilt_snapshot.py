"""A snapshot that was changed, cut, lengthened, moved or sealed for another key: a named error, the others readable."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError
from memguard.state.about import MANIFEST
from memguard.state.envelope import TamperedError, TrailingDataError, TruncatedError, WrongKeyError
from memguard.state.keys import private_keys, public_key
from tests.transcripts import Box


def flipped(data: bytes) -> bytes:
    middle = len(data) * 2 // 3
    return data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]


FAULTS: dict[str, tuple[Callable[[bytes], bytes], type[EnvelopeError]]] = {
    "flipped bit": (flipped, TamperedError),
    "cut": (lambda data: data[:-20], TruncatedError),
    "emptied": (lambda _: b"", TruncatedError),
    "lengthened": (lambda data: data + b"\0", TrailingDataError),
}


@pytest.fixture
def box(tmp_path: Path) -> Box:
    box = Box(tmp_path)
    box.transcript.prompt("hello")
    return box


@pytest.mark.parametrize("fault", FAULTS)
def test_each_is_named_and_the_other_snapshot_still_opens(box: Box, fault: str) -> None:
    spoil, error = FAULTS[fault]
    good, bad = box.capture(), box.capture()
    path = Path(box.store.folder) / bad / MANIFEST
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(error) as caught:
        box.read(bad)
    assert caught.value.next_step
    assert box.read(good)["conversation"]["requests"][0]["text"] == "hello"


def test_another_key(box: Box, tmp_path: Path) -> None:
    snapshot = box.capture()
    public_key(str(tmp_path / "other"))
    with pytest.raises(WrongKeyError):
        box.store.read(snapshot, private_keys(str(tmp_path / "other")))


def test_a_manifest_of_another_project(box: Box, tmp_path: Path) -> None:
    snapshot = box.capture()
    other = Box(tmp_path)
    other.key = "-work-other"
    shutil.copytree(box.store.project_dir, other.store.project_dir)
    with pytest.raises(TamperedError):
        other.read(snapshot)
    assert box.read(snapshot)


def test_a_lost_private_key_stops_the_next_capture_with_one_line(box: Box) -> None:
    box.capture()
    [private] = (box.state / "keys").glob("*.private")
    private.unlink()
    done = box.run()
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "private key" in done.stderr
    assert "backup" in done.stderr
