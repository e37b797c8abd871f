"""The keys: a pair is made once, by whoever comes first, and never silently replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memguard.core.errors import StateError
from memguard.state.envelope import WrongKeyError, fingerprint
from memguard.state.keys import KeyLostError, private_keys, public_key
from memguard.state.keys.current import rotate
from memguard.state.keys.key_file import PRIVATE
from tests.vectors.generate import public_of

ASK = "import sys; from memguard.state.keys import public_key; print(public_key(sys.argv[1]).hex())"


def opened(state: Path, public: bytes) -> bytes:
    """The private half as whoever opens a snapshot gets it."""
    return private_keys(str(state)).key_for(fingerprint(public))


def file_of(state: Path, public: bytes, kind: str = "private") -> Path:
    return state / "keys" / f"{fingerprint(public)}.{kind}"


def test_the_pair_is_made_once_and_belongs_together(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    assert public_key(str(tmp_path)) == first
    assert public_of(opened(tmp_path, first)) == first


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


def test_rotations_at_once_lose_no_key(tmp_path: Path) -> None:
    first = fingerprint(public_key(str(tmp_path)))
    with ThreadPoolExecutor(4) as pool:
        names = [first, *pool.map(lambda _: rotate(str(tmp_path), PRIVATE), range(4))]
    keys = private_keys(str(tmp_path))
    assert len({keys.key_for(name) for name in names}) == 5
    assert fingerprint(public_key(str(tmp_path))) in names[1:]


def test_after_a_rotation_captures_seal_to_the_new_key_and_both_open(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    before = opened(tmp_path, first)
    new = rotate(str(tmp_path), PRIVATE)
    assert fingerprint(public_key(str(tmp_path))) == new != fingerprint(first)
    assert opened(tmp_path, first) == before
    assert public_of(opened(tmp_path, public_key(str(tmp_path)))) == public_key(str(tmp_path))


def test_a_lost_private_key_is_said_before_anything_is_sealed_for_it(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    file_of(tmp_path, first).unlink()
    keys = private_keys(str(tmp_path))
    for ask, argument in ((public_key, str(tmp_path)), (keys.key_for, fingerprint(first))):
        with pytest.raises(KeyLostError) as caught:
            ask(argument)
        assert f"the private key {fingerprint(first)} is gone" in caught.value.what
        assert "can't be opened by anyone" in caught.value.what
        assert "backup" in caught.value.next_step
        assert "memguard key rotate" in caught.value.next_step
    rotate(str(tmp_path), PRIVATE)
    assert public_key(str(tmp_path)) != first


@pytest.mark.parametrize("length", [0, 1, 193, 195])
def test_a_private_key_that_is_not_whole_is_said_before_anything_is_sealed_for_it(tmp_path: Path, length: int) -> None:
    first = public_key(str(tmp_path))
    path = file_of(tmp_path, first)
    path.write_bytes((path.read_bytes() + b"\n")[:length])
    with pytest.raises(KeyLostError) as caught:
        public_key(str(tmp_path))
    assert str(path) in caught.value.what
    assert "memguard key import" in caught.value.next_step
    rotate(str(tmp_path), PRIVATE)
    assert public_key(str(tmp_path)) != first


def test_a_key_that_others_can_read_is_said_before_anything_is_sealed_for_it(tmp_path: Path) -> None:
    path = file_of(tmp_path, public_key(str(tmp_path)))
    path.chmod(0o644)
    with pytest.raises(StateError, match="can be read by others"):
        public_key(str(tmp_path))


def test_without_a_current_key_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    for kind in ("private", "public"):  # the older one is a century older
        path = file_of(tmp_path, first, kind)
        path.write_text(path.read_text().replace("made=20", "made=19"))
    (tmp_path / "keys" / f"{rotate(str(tmp_path), PRIVATE)}.private").write_bytes(b"")
    (tmp_path / "keys" / "current").unlink()
    assert public_key(str(tmp_path)) == first


@pytest.mark.parametrize("recipient", ["0" * 16, "", "../../../etc/passwd", "current", "\0", "A" * 16])
def test_a_key_of_somebody_elses_is_named_as_that(tmp_path: Path, recipient: str) -> None:
    for _ in range(2):  # before there is any key, and after
        with pytest.raises(WrongKeyError, match="not among yours"):
            private_keys(str(tmp_path)).key_for(recipient)
        public_key(str(tmp_path))


def test_asking_for_a_private_key_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(WrongKeyError):
        private_keys(str(tmp_path / "none")).key_for("0" * 16)
    assert list(tmp_path.iterdir()) == []


def test_a_public_half_that_is_missing_is_known_from_the_private_one(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    file_of(tmp_path, first, "public").unlink()
    assert public_key(str(tmp_path)) == first


def test_without_a_current_key_the_newest_that_opens_is_taken_and_no_new_one_made(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    second = rotate(str(tmp_path), PRIVATE)
    text = file_of(tmp_path, first).read_text()
    for kind in ("private", "public"):  # the older one is a year older
        path = file_of(tmp_path, first, kind)
        path.write_text(path.read_text().replace("made=20", "made=19"))
    (tmp_path / "keys" / "current").unlink()
    assert fingerprint(public_key(str(tmp_path))) == second
    (tmp_path / "keys" / "current").unlink()
    (tmp_path / "keys" / f"{second}.private").unlink()
    assert public_key(str(tmp_path)) == first
    assert text.startswith("memguard-key 2 private\npublic=")


@pytest.mark.parametrize("name", ["current", "public", "private"])
@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"memguard-key 2 private\npublic=abcd\n", b"\xff" * 100])
def test_a_torn_file_is_an_error_not_another_key(tmp_path: Path, name: str, content: bytes) -> None:
    first = public_key(str(tmp_path))
    path = tmp_path / "keys" / "current" if name == "current" else file_of(tmp_path, first, name)
    path.write_bytes(content)
    with pytest.raises(StateError) as caught:
        opened(tmp_path, first) if name == "private" else public_key(str(tmp_path))
    assert path.name in caught.value.what
    assert caught.value.next_step


def test_a_file_of_a_newer_memguard_is_said_to_be_that(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    path = file_of(tmp_path, first)
    path.write_text(path.read_text().replace("memguard-key 2", "memguard-key 3"))
    with pytest.raises(StateError, match="newer memguard"):
        opened(tmp_path, first)


def test_a_key_under_the_name_of_another_is_refused(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    second = rotate(str(tmp_path), PRIVATE)
    (tmp_path / "keys" / f"{second}.private").replace(file_of(tmp_path, first))
    with pytest.raises(StateError, match="another key than its name says"):
        opened(tmp_path, first)


def test_a_private_half_that_does_not_belong_to_its_public_half_is_refused(tmp_path: Path) -> None:
    first = public_key(str(tmp_path))
    path = file_of(tmp_path, first)
    path.write_text(path.read_text().partition("private=")[0] + f"private={os.urandom(32).hex()}\n")
    with pytest.raises(StateError, match="is another"):
        opened(tmp_path, first)


class VersionBefore:
    """The folder as the version before left it."""

    def __init__(self, state: Path) -> None:
        self.private = os.urandom(32)
        self.public = public_of(self.private)
        self.folder = state / "keys"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for kind, key in (("private", self.private), ("public", self.public)):
            path = self.folder / kind
            path.touch(0o600)
            path.write_text(f"memguard-{kind}-key 1 {key.hex()}\n")
            os.utime(path, (1700000000, 1700000000))


@pytest.mark.parametrize("first", ["sealing", "opening"])
def test_a_pair_of_the_version_before_is_taken_over_at_first_use(tmp_path: Path, first: str) -> None:
    old = VersionBefore(tmp_path)
    if first == "sealing":
        assert public_key(str(tmp_path)) == old.public
    assert opened(tmp_path, old.public) == old.private
    assert public_key(str(tmp_path)) == old.public
    assert not (old.folder / "private").exists()
    assert "made=2023-11-14T22:13:20Z" in file_of(tmp_path, old.public).read_text()


def test_a_pair_that_the_version_before_makes_later_opens_too_and_current_stays(tmp_path: Path) -> None:
    """One of its captures may have been running."""
    current = public_key(str(tmp_path))
    old = VersionBefore(tmp_path)
    assert opened(tmp_path, old.public) == old.private
    assert public_key(str(tmp_path)) == current


def test_a_lost_key_of_the_version_before_stays_lost(tmp_path: Path) -> None:
    old = VersionBefore(tmp_path)
    (old.folder / "private").unlink()
    with pytest.raises(KeyLostError, match=fingerprint(old.public)):
        public_key(str(tmp_path))


def test_a_private_key_of_the_version_before_without_its_public_half_is_kept(tmp_path: Path) -> None:
    old = VersionBefore(tmp_path)
    (old.folder / "public").unlink()
    assert public_key(str(tmp_path)) == old.public


@pytest.mark.parametrize("fault", ["torn", "readable by others"])
def test_a_spoilt_key_of_the_version_before_is_refused_and_left_as_it_is(tmp_path: Path, fault: str) -> None:
    old = VersionBefore(tmp_path)
    if fault == "torn":
        (old.folder / "private").write_bytes(b"memguard-private-key 1 ab")
    else:
        (old.folder / "private").chmod(0o644)
    before = {path.name: path.read_bytes() for path in old.folder.iterdir()}
    with pytest.raises(StateError):
        public_key(str(tmp_path))
    after = {path.name: path.read_bytes() for path in old.folder.iterdir() if path.name != "lock"}
    assert after == before
