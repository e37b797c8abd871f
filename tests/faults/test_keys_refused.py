"""Keys that others can read, folders that others can fill, files that nobody has written: refused, with the mend.

Root ignores mode bits, so that two users can't meddle with each other is shown with two users.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock  # noqa: F401  for the other user, who may not be able to read where it is installed
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.core.errors import StateError
from memguard.state.envelope import fingerprint
from memguard.state.keys import private_keys, public_key
from memguard.state.keys.current import rotate
from memguard.state.keys.key_file import KeyFile, parse
from tests.sandbox import Sandbox

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


def private_file(state: Path) -> tuple[str, Path]:
    """A key's name, and the file of its private half."""
    name = fingerprint(public_key(str(state)))
    return name, state / "keys" / f"{name}.private"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_private_key_that_others_can_read_is_refused_with_the_mend(tmp_path: Path, mode: int) -> None:
    name, path = private_file(tmp_path)
    path.chmod(mode)
    with pytest.raises(StateError, match="can be read by others") as caught:
        private_keys(str(tmp_path)).key_for(name)
    assert caught.value.next_step == f"chmod 600 '{path}'"
    subprocess.run(caught.value.next_step, shell=True, check=True)  # noqa: S602  as the person would
    assert private_keys(str(tmp_path)).key_for(name)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_plain_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    name, path = private_file(tmp_path)
    path.rename(tmp_path / "elsewhere")
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path, 0o600)
    with pytest.raises(StateError) as caught:
        private_keys(str(tmp_path)).key_for(name)
    assert str(path) in caught.value.what


@pytest.mark.parametrize("file", ["current", "public"])
def test_what_captures_seal_to_is_not_believed_where_others_can_read_it(tmp_path: Path, file: str) -> None:
    name, _ = private_file(tmp_path)
    (tmp_path / "keys" / ("current" if file == "current" else f"{name}.public")).chmod(0o666)
    with pytest.raises(StateError) as caught:
        public_key(str(tmp_path))
    assert caught.value.next_step.startswith("chmod 600")


def test_a_stranger_s_public_half_under_the_name_of_ours_is_refused(tmp_path: Path) -> None:
    """Whoever puts it there would read what is sealed from now on."""
    name, _ = private_file(tmp_path)
    stranger = KeyFile("public", os.urandom(32), "2026-11-23T09:00:00Z")
    (tmp_path / "keys" / f"{name}.public").write_text(stranger.to_text())
    with pytest.raises(StateError, match="another key than its name says"):
        public_key(str(tmp_path))


@pytest.mark.parametrize("place", ["state", "keys"])
@pytest.mark.parametrize("mode", [0o777, 0o720, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused_with_the_mend(tmp_path: Path, place: str, mode: int) -> None:
    state = tmp_path / "state"
    name, _ = private_file(state)
    folder = state if place == "state" else state / "keys"
    folder.chmod(mode)
    for ask in (public_key, lambda path: private_keys(path).key_for(name), lambda path: rotate(path, "private")):
        with pytest.raises(StateError, match="others may write to") as caught:
            ask(str(state))
        assert caught.value.next_step.endswith(f"chmod 700 '{folder}'")
        assert folder.stat().st_mode & 0o7777 == mode
    folder.chmod(0o700)
    assert private_keys(str(state)).key_for(name)


@pytest.mark.parametrize("place", ["state", "keys"])
def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, place: str) -> None:
    state = tmp_path / "state"
    name, _ = private_file(state)
    folder = state if place == "state" else state / "keys"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    for ask in (public_key, lambda path: private_keys(path).key_for(name)):
        with pytest.raises(StateError, match="is a link, not a folder") as caught:
            ask(str(state))
        assert "the folder itself" in caught.value.next_step


def test_a_folder_below_one_in_which_others_may_swap_it_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(StateError, match="others may write to it"):
        public_key(str(shared / "state"))


def test_a_folder_that_others_can_only_look_into_is_closed_in_silence(tmp_path: Path) -> None:
    state = tmp_path / "state"
    public_key(str(state))
    state.chmod(0o755)
    public_key(str(state))
    assert state.stat().st_mode & 0o777 == 0o700


def test_commands_refuse_an_open_state_folder_instead_of_closing_it(opted_in: Sandbox) -> None:
    opted_in.state.chmod(0o777)
    done = opted_in.memguard("key", "status", code=1)
    assert f"chmod 700 '{opted_in.state}'" in done.stderr
    assert opted_in.state.stat().st_mode & 0o777 == 0o777


@as_root
@pytest.mark.parametrize("place", ["state", "keys", "file"])
def test_what_belongs_to_another_user_is_refused(tmp_path: Path, place: str) -> None:
    """Even to root, whom no mode would stop: it may hold what the other one put there."""
    state = tmp_path / "state"
    name, path = private_file(state)
    os.chown({"state": state, "keys": state / "keys", "file": path}[place], NOBODY, NOBODY)
    with pytest.raises(StateError, match="belongs to another user"):
        private_keys(str(state)).key_for(name)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that every user can get to, as the homes of a host are."""
    folder = Path(tempfile.mkdtemp(prefix="memguard-two-users-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(action: Callable[[], object]) -> str:
    """What a process of another user gets: the error's name and text, or `no error`."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        result = "no error"
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            action()
        except Exception as error:  # noqa: BLE001  whatever it is, the parent judges it
            result = f"{type(error).__name__}: {error}"
        finally:
            os.write(writer, result.encode()[:4000])
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read().decode()


@as_root
def test_another_user_can_neither_read_nor_list_nor_replace_anything(open_place: Path) -> None:
    state = open_place / "state"
    name, path = private_file(state)
    (state / "keys").chmod(0o700)
    attempts: list[Callable[[], object]] = [
        path.read_bytes,
        (state / "keys" / "current").read_bytes,
        lambda: os.listdir(state),
        lambda: os.rename(state, open_place / "gone"),
        lambda: path.write_bytes(b""),
        lambda: (state / "keys" / "new").write_bytes(b""),
    ]
    assert {as_nobody(attempt).partition(":")[0] for attempt in attempts} == {"PermissionError"}
    assert "Permission denied" in as_nobody(lambda: private_keys(str(state)).key_for(name))
    assert "belongs to another user" in as_nobody(lambda: public_key(str(state)))
    assert private_keys(str(state)).key_for(name)


@as_root
def test_the_file_s_own_mode_holds_where_the_folders_were_opened(open_place: Path) -> None:
    state = open_place / "state"
    _, path = private_file(state)
    for folder in (state, state / "keys"):
        folder.chmod(0o755)
    assert as_nobody(path.read_bytes).startswith("PermissionError")


@as_root
def test_two_users_have_a_key_each(open_place: Path) -> None:
    mine, theirs = open_place / "mine", open_place / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, NOBODY, NOBODY)
    public_key(str(mine))
    home = theirs / "home"
    assert as_nobody(lambda: public_key(str(home))) == "no error"
    assert (home / "keys").stat().st_uid == NOBODY
    with pytest.raises(StateError, match="another user"):
        public_key(str(home))


LINES = ["memguard-key 2 private", "memguard-key 2 passphrase", "public=" + "ab" * 32, "made=2026-11-23T09:00:00Z"]
LINES += ["private=" + "cd" * 32, "scrypt=17 8 1", "salt=" + "ef" * 16, "sealed=" + "01" * 48, "backend=x", "", "="]


@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(LINES), max_size=8).map("\n".join)))
def test_any_text_is_a_key_file_in_one_spelling_or_refused(text: str) -> None:
    with contextlib.suppress(StateError):
        assert parse(text, "a file").to_text() == text


@pytest.mark.parametrize("kind", LINES[:2])
def test_the_lines_above_make_key_files(kind: str) -> None:
    """So that the test above comes to both ends."""
    names = ["public", "made", *(["private"] if kind.endswith("private") else ["scrypt", "salt", "sealed"])]
    lines = [kind, *(line for name in names for line in LINES if line.startswith(f"{name}="))]
    assert parse("".join(f"{line}\n" for line in lines), "a file").kind in kind
