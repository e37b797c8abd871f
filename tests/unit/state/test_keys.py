"""The key pair: made once, by whoever comes first, and never silently replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memguard.core.errors import StateError
from memguard.state.keys import KeyLostError, private_key, public_key
from tests.vectors.generate import public_of

ASK = "import sys; from memguard.state.keys import public_key; print(public_key(sys.argv[1]).hex())"


def test_the_pair_is_made_once_and_belongs_together(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    assert public_key(str(tmp_path)) == first
    assert public_of(private_key(str(tmp_path))) == first


def test_files_are_private(tmp_path: Path) -> None:
    public_key(str(tmp_path))
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_many_at_once_agree(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", ASK, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    answers = {process.communicate(timeout=60)[0] for process in started}
    assert answers == {public_key(str(tmp_path)).hex() + "\n"}


def test_a_lost_private_key_is_said_before_anything_is_sealed_for_it(tmp_path: Path) -> None:
    public_key(str(tmp_path))
    (tmp_path / "keys" / "private").unlink()
    for ask in (public_key, private_key):
        with pytest.raises(KeyLostError) as caught:
            ask(str(tmp_path))
        assert "gone" in caught.value.what
        assert "backup" in caught.value.next_step


def test_a_public_key_that_was_not_written_yet_is_made_from_the_private_one(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    (tmp_path / "keys" / "public").unlink()
    assert public_key(str(tmp_path)) == first


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_private_key_that_others_can_read_is_refused_with_the_mend(tmp_path: Path) -> None:
    public_key(str(tmp_path))
    (tmp_path / "keys" / "private").chmod(0o644)
    with pytest.raises(StateError) as caught:
        private_key(str(tmp_path))
    assert caught.value.next_step.startswith("chmod 600")


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"memguard-private-key 1 abcd\n", b"\xff" * 100])
def test_a_torn_key_file_is_an_error_not_another_key(tmp_path: Path, content: bytes) -> None:
    public_key(str(tmp_path))
    (tmp_path / "keys" / "private").write_bytes(content)
    with pytest.raises(StateError):
        private_key(str(tmp_path))


def test_a_link_in_place_of_the_key_is_refused(tmp_path: Path) -> None:
    public_key(str(tmp_path))
    path = tmp_path / "keys" / "private"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError):
        private_key(str(tmp_path))
