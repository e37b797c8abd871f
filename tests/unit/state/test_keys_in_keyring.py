"""A key in the keyring of the operating system. Run here with test backends only: there is no desktop."""

from __future__ import annotations

import sys
import unittest.mock
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from memguard.cli.main import main
from memguard.core.errors import StateError
from memguard.state.envelope import fingerprint
from memguard.state.keys import KeyLostError, private_keys, public_key
from memguard.state.keys.current import rotate
from memguard.state.keys.folder import KeyFolder
from memguard.state.keys.key_file import KEYRING, PRIVATE
from memguard.state.keys.standing import standings
from memguard.state.keys.transfer import export, move, pairs, take_in
from tests.keyring_backends import Foreign, Forgetful, InMemory
from tests.vectors.generate import public_of


@pytest.fixture
def ring() -> Iterator[InMemory]:
    """A keyring in this process, in place of whatever is here."""
    before, made = keyring.get_keyring(), InMemory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_the_entry_is_memguards_by_fingerprint_and_opens(tmp_path: Path, ring: InMemory) -> None:
    name = rotate(str(tmp_path), KEYRING)
    assert list(ring.entries) == [("memguard", name)]
    assert public_of(private_keys(str(tmp_path)).key_for(name)) == public_key(str(tmp_path))


def test_no_file_holds_the_key(tmp_path: Path, ring: InMemory) -> None:
    name = rotate(str(tmp_path), KEYRING)
    secret = ring.entries["memguard", name]
    assert not any(secret in path.read_text() for path in (tmp_path / "keys").iterdir())


def test_sealing_asks_the_keyring_for_nothing(tmp_path: Path, ring: InMemory) -> None:
    name = rotate(str(tmp_path), KEYRING)
    ring.asked, ring.is_locked = 0, True
    assert fingerprint(public_key(str(tmp_path))) == name
    standings(KeyFolder(str(tmp_path)), asks_keyring=False)
    assert ring.asked == 0


def test_it_is_asked_once_for_each_key(tmp_path: Path, ring: InMemory) -> None:
    name = rotate(str(tmp_path), KEYRING)
    ring.asked = 0
    keys = private_keys(str(tmp_path))
    assert keys.key_for(name) == keys.key_for(name)
    assert ring.asked == 1


def test_an_entry_that_is_gone_is_a_lost_key(tmp_path: Path, ring: InMemory) -> None:
    name = rotate(str(tmp_path), KEYRING)
    ring.entries.clear()
    with pytest.raises(KeyLostError) as caught:
        private_keys(str(tmp_path)).key_for(name)
    assert name in caught.value.what
    assert "has no entry for it" in caught.value.what
    (found,) = standings(KeyFolder(str(tmp_path)), asks_keyring=True)
    assert isinstance(found.error, KeyLostError)


@pytest.mark.parametrize("place", [KEYRING, PRIVATE])
@pytest.mark.parametrize("what", ["entry", "file"])
def test_one_that_is_gone_comes_back_from_an_export(tmp_path: Path, ring: InMemory, place: str, what: str) -> None:
    name, folder = rotate(str(tmp_path), KEYRING), KeyFolder(str(tmp_path))
    key, exported = private_keys(str(tmp_path)).key_for(name), tmp_path / "export"
    export(str(exported), pairs(folder, [name], private_keys(str(tmp_path))), None)
    if what == "entry":
        ring.entries.clear()
    else:
        Path(folder.path_of(name, KEYRING)).write_bytes(b"")
    to = "keyring" if place == KEYRING else "file"
    with unittest.mock.patch("memguard.cli.key.state_dir", return_value=str(tmp_path)):
        assert main(["key", "import", str(exported), "--to", to]) == 0
    assert private_keys(str(tmp_path)).key_for(name) == key
    assert folder.places(name) == [place]
    assert bool(ring.entries) is (place == KEYRING)


def test_an_import_from_beside_a_locked_keyring_is_taken_in(tmp_path: Path, ring: InMemory) -> None:
    name, folder = rotate(str(tmp_path), KEYRING), KeyFolder(str(tmp_path))
    brought = pairs(folder, [name], private_keys(str(tmp_path)))
    ring.is_locked = True
    take_in(folder, brought, PRIVATE)
    assert private_keys(str(tmp_path)).key_for(name) == brought[0].private
    assert folder.places(name) == [PRIVATE, KEYRING], "its entry is there still"


def test_a_locked_keyring_is_no_lost_key(tmp_path: Path, ring: InMemory) -> None:
    name = rotate(str(tmp_path), KEYRING)
    ring.is_locked = True
    with pytest.raises(StateError, match="locked") as caught:
        private_keys(str(tmp_path)).key_for(name)
    assert not isinstance(caught.value, KeyLostError)
    assert "unlock" in caught.value.next_step


@pytest.mark.parametrize("entry", ["no hexadecimal digits", "ab" * 31, "cd" * 32])
def test_an_entry_that_is_another_key_is_refused(tmp_path: Path, ring: InMemory, entry: str) -> None:
    name = rotate(str(tmp_path), KEYRING)
    ring.entries["memguard", name] = entry
    with pytest.raises(StateError, match="is another"):
        private_keys(str(tmp_path)).key_for(name)


@pytest.mark.parametrize(("backend", "says"), [(Forgetful, "did not keep the key"), (Foreign, "no bus for memguard")])
@pytest.mark.usefixtures("ring")
def test_a_keyring_that_does_not_keep_it_leaves_the_key_before(
    tmp_path: Path, backend: type[InMemory], says: str
) -> None:
    before = public_key(str(tmp_path))
    keyring.set_keyring(backend())
    with pytest.raises(StateError, match=says) as caught:
        rotate(str(tmp_path), KEYRING)
    assert "\x1b" not in caught.value.what
    assert public_key(str(tmp_path)) == before
    assert private_keys(str(tmp_path)).key_for(fingerprint(before))


def test_a_move_into_a_keyring_that_does_not_keep_it_leaves_the_file(tmp_path: Path, ring: InMemory) -> None:
    name = fingerprint(public_key(str(tmp_path)))
    folder, keys = KeyFolder(str(tmp_path)), private_keys(str(tmp_path))
    keyring.set_keyring(Forgetful())
    with pytest.raises(StateError):
        move(folder, pairs(folder, [name], keys), KEYRING)
    assert folder.places(name) == [PRIVATE]
    keyring.set_keyring(ring)
    move(folder, pairs(folder, [name], keys), KEYRING)
    assert folder.places(name) == [KEYRING]
    assert private_keys(str(tmp_path)).key_for(name) == keys.key_for(name)


def test_a_key_that_leaves_the_keyring_is_not_in_it_any_more(tmp_path: Path, ring: InMemory) -> None:
    name = rotate(str(tmp_path), KEYRING)
    folder, keys = KeyFolder(str(tmp_path)), private_keys(str(tmp_path))
    move(folder, pairs(folder, [name], keys), PRIVATE)
    assert (folder.places(name), ring.entries) == ([PRIVATE], {})
    assert private_keys(str(tmp_path)).key_for(name) == keys.key_for(name)


def test_without_the_library_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = public_key(str(tmp_path))
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(StateError, match="not installed") as caught:
        rotate(str(tmp_path), KEYRING)
    assert "claude-memguard[keyring]" in caught.value.next_step
    assert public_key(str(tmp_path)) == before
