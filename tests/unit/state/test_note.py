"""The handoff's note: opens once, with its key, for its ticket."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError
from memguard.state.note import read_note, write_note


def test_it_opens_with_its_key_and_hides_what_it_holds(tmp_path: Path) -> None:
    note, key = str(tmp_path / "t.sealed"), str(tmp_path / "t.key")
    write_note(note, key, b"what was said", b"ticket")
    assert read_note(note, key, b"ticket") == b"what was said"
    assert b"what was said" not in (tmp_path / "t.sealed").read_bytes()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("fault", ["other ticket", "flipped", "cut", "empty", "no key", "other key", "short key"])
def test_anything_wrong_is_an_error(tmp_path: Path, fault: str) -> None:
    note, key = tmp_path / "t.sealed", tmp_path / "t.key"
    write_note(str(note), str(key), b"what was said", b"ticket")
    data = note.read_bytes()
    if fault in ("flipped", "cut", "empty"):
        note.write_bytes({"flipped": data[:-1] + bytes([data[-1] ^ 1]), "cut": data[:-1], "empty": b""}[fault])
    elif fault == "no key":
        key.unlink()
    elif fault != "other ticket":
        key.write_bytes(b"k" * (32 if fault == "other key" else 5))
    with pytest.raises(EnvelopeError):
        read_note(str(note), str(key), b"another" if fault == "other ticket" else b"ticket")
