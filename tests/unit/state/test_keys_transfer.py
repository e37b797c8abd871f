"""Keys that are moved, exported and imported: always openable, and nowhere that they should not be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memguard.core.errors import StateError
from memguard.state.envelope import fingerprint
from memguard.state.keys import WrongPassphraseError, in_passphrase, private_keys, public_key
from memguard.state.keys.current import rotate
from memguard.state.keys.folder import KeyFolder
from memguard.state.keys.in_passphrase import Cost
from memguard.state.keys.key_file import PASSPHRASE, PRIVATE
from memguard.state.keys.pair import Pair
from memguard.state.keys.private_keys import PrivateKeys
from memguard.state.keys.standing import standings
from memguard.state.keys.transfer import export, move, pairs, read_export, take_in

WORDS, OTHER = "three pears in a boat", "four plums on a raft"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_passphrase, "COST", Cost(10, 8, 1))


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    """A folder with two keys, the newer one current."""
    state = tmp_path / "here"
    public_key(str(state))
    rotate(str(state), PRIVATE)
    return KeyFolder(str(state))


def opened(folder: KeyFolder, words: str = "") -> list[Pair]:
    """Every key of the folder."""
    return pairs(folder, folder.fingerprints(), PrivateKeys(folder, lambda _: words))


def test_moved_behind_a_passphrase_and_back(folder: KeyFolder) -> None:
    before = opened(folder)
    move(folder, before, PASSPHRASE, WORDS)
    assert [folder.places(pair.fingerprint) for pair in before] == [[PASSPHRASE]] * 2
    assert opened(folder, WORDS) == before
    move(folder, opened(folder, WORDS), PRIVATE)
    assert opened(folder) == before
    assert not any(name.endswith(".passphrase") for name in os.listdir(folder.path))


def test_moved_to_where_it_is_it_gets_the_new_passphrase(folder: KeyFolder) -> None:
    before = opened(folder)
    move(folder, before, PASSPHRASE, WORDS)
    move(folder, opened(folder, WORDS), PASSPHRASE, OTHER)
    assert opened(folder, OTHER) == before
    with pytest.raises(WrongPassphraseError):
        opened(folder, WORDS)


def test_a_move_that_was_interrupted_opens_and_is_ended_by_another(folder: KeyFolder) -> None:
    before = opened(folder)
    texts = {pair.fingerprint: Path(folder.path_of(pair.fingerprint, PRIVATE)).read_text() for pair in before}
    move(folder, before, PASSPHRASE, WORDS)
    for name, text in texts.items():
        path = Path(folder.path_of(name, PRIVATE))
        path.touch(0o600)
        path.write_text(text)
    assert opened(folder) == before
    move(folder, before, PASSPHRASE, WORDS)
    assert [folder.places(pair.fingerprint) for pair in before] == [[PASSPHRASE]] * 2


@pytest.mark.parametrize("content", [b"", b"nonsense\n"])
def test_of_two_places_the_one_that_opens_counts(folder: KeyFolder, content: bytes) -> None:
    """A move that was interrupted, and the place before has come to harm since."""
    before = opened(folder)
    move(folder, before, PASSPHRASE, WORDS)
    for pair in before:
        path = Path(folder.path_of(pair.fingerprint, PRIVATE))
        path.touch(0o600)
        path.write_bytes(content)
    assert opened(folder, WORDS) == before
    with pytest.raises(WrongPassphraseError):
        opened(folder, OTHER)
    assert [each.error for each in standings(folder, asks_keyring=True)] == [None, None]
    assert public_key(folder.state_dir) in [pair.public for pair in before]
    move(folder, opened(folder, WORDS), PASSPHRASE, WORDS)
    assert [folder.places(pair.fingerprint) for pair in before] == [[PASSPHRASE]] * 2


@pytest.mark.parametrize("words", [WORDS, None])
def test_what_was_exported_opens_elsewhere_and_captures_there_go_on(
    folder: KeyFolder, tmp_path: Path, words: str | None
) -> None:
    path, there = tmp_path / "keys.export", KeyFolder(str(tmp_path / "there"))
    own = public_key(there.state_dir)
    export(str(path), opened(folder), words)
    assert path.stat().st_mode & 0o777 == 0o600
    reader = PrivateKeys(there, lambda _: words or "")
    brought = [Pair(reader.open(found), found.public, found.made) for found in read_export(str(path))]
    take_in(there, brought, PRIVATE)
    assert sorted(brought) == sorted(opened(folder))
    for pair in brought:
        assert private_keys(there.state_dir).key_for(pair.fingerprint) == pair.private
    assert public_key(there.state_dir) == own


def test_where_there_was_no_key_captures_seal_to_one_that_was_imported(folder: KeyFolder, tmp_path: Path) -> None:
    there = KeyFolder(str(tmp_path / "there"))
    take_in(there, opened(folder), PRIVATE)
    assert fingerprint(public_key(there.state_dir)) in folder.fingerprints()


def test_an_import_brings_a_lost_key_back(folder: KeyFolder, tmp_path: Path) -> None:
    before = opened(folder)
    export(str(tmp_path / "backup"), before, None)
    for pair in before:
        os.unlink(folder.path_of(pair.fingerprint, PRIVATE))
    reader = PrivateKeys(folder)
    take_in(
        folder,
        [Pair(reader.open(found), found.public, found.made) for found in read_export(str(tmp_path / "backup"))],
        PRIVATE,
    )
    assert opened(folder) == before
    assert fingerprint(public_key(folder.state_dir)) == folder.current()


@pytest.mark.parametrize("kind", ["file", "folder", "link", "link to nowhere"])
def test_an_export_is_never_written_over_anything(folder: KeyFolder, tmp_path: Path, kind: str) -> None:
    path, elsewhere = tmp_path / "export", tmp_path / "elsewhere"
    if kind == "file":
        path.write_text("kept")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(elsewhere)
        if kind == "link":
            elsewhere.write_text("kept")
    with pytest.raises(StateError, match="is there already"):
        export(str(path), opened(folder), None)
    assert path.is_symlink() == kind.startswith("link")
    assert kind != "file" or path.read_text() == "kept"
    assert kind != "link" or elsewhere.read_text() == "kept"
    assert kind != "link to nowhere" or not elsewhere.exists()


def test_an_export_that_holds_bare_keys_is_read_only_where_nobody_else_can(folder: KeyFolder, tmp_path: Path) -> None:
    bare, sealed = tmp_path / "bare", tmp_path / "sealed"
    export(str(bare), opened(folder), None)
    export(str(sealed), opened(folder), WORDS)
    for path in (bare, sealed):
        path.chmod(0o644)
    with pytest.raises(StateError, match="can be read by others") as caught:
        read_export(str(bare))
    assert caught.value.next_step.startswith("chmod 600")
    assert len(read_export(str(sealed))) == 2  # as on a stick whose file system knows no modes


def spoilt(text: str) -> dict[str, str]:
    """Exports that are none."""
    return {
        "empty": "",
        "text before": "x\n" + text,
        "text behind": text + "x\n",
        "cut": text[:-5],
        "a public half": text.partition("private=")[0].replace("2 private", "2 public"),
        "too long": text * 300,
        "binary": "\0" * 50,
    }


@pytest.mark.parametrize("kind", list(spoilt("")))
def test_what_is_no_export_is_refused(folder: KeyFolder, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "export"
    export(str(path), opened(folder), None)
    path.write_text(spoilt(path.read_text())[kind])
    with pytest.raises(StateError, match="not a key file"):
        read_export(str(path))


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "export"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(StateError) as caught:
        read_export(str(path))
    assert str(path) in caught.value.what
