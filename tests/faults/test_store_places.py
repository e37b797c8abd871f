"""A store in a place that is not as it should be: a link, another user's, full, unreadable, locked, of a wrong clock.

A named error or a complete snapshot; what was there before opens, and nothing is written elsewhere.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memguard.core.errors import MemguardError, StateError
from memguard.state import snapshot
from memguard.state.compiled import snapshot_settings
from memguard.state.files import FileError
from memguard.state.lock import LOCK
from memguard.state.verify import newest_good, verify
from tests.fault_checks import check_private
from tests.fault_files import Step, handled
from tests.fault_scenes import MARKER
from tests.transcripts import SESSION, Box

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users, and mount a disk")
PLACES = {
    "state": ".",
    "project": "{key}",
    "snapshots": "{key}/snapshots",
    "conversations": "{key}/conversations",
    "session": "{key}/conversations/{session}",
    "stream": "{key}/conversations/{session}/main",
}


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box with one snapshot, and more to be captured."""
    box = Box(tmp_path)
    box.transcript.prompt(MARKER)
    box.take(cwd="")
    box.transcript.prompt("further")
    return box


def place(box: Box, name: str) -> Path:
    return box.state / PLACES[name].format(key=box.key, session=SESSION)


def taken(box: Box) -> str:
    """The id of a new snapshot that is good; empty where there was a named error."""
    try:
        snapshot_id = box.take(cwd="")
    except MemguardError as error:
        return "" if error.what and error.next_step else "an error that says nothing"
    assert verify(box.store, snapshot_id, box.keys) == []
    assert box.told(snapshot_id) == box.transcript.path.read_bytes()
    return snapshot_id


@pytest.mark.parametrize("name", PLACES)
def test_a_folder_that_is_a_link_to_an_empty_one(box: Box, tmp_path: Path, name: str) -> None:
    [old], elsewhere = box.store.ids(), tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    place(box, name).rename(tmp_path / "kept")
    place(box, name).symlink_to(elsewhere)
    new = taken(box)
    # The folder above is this user's alone, so a link to another disk is their own doing; a leaf is never followed.
    assert bool(new) == (name in ("project", "conversations", "session"))
    if not new:
        assert list(elsewhere.iterdir()) == []
    check_private(elsewhere)
    shutil.rmtree(elsewhere)
    place(box, name).unlink()
    (tmp_path / "kept").rename(place(box, name))
    assert verify(box.store, old, box.keys) == []
    assert taken(box)


@as_root
@pytest.mark.parametrize("name", PLACES)
def test_a_folder_of_another_user(box: Box, name: str) -> None:
    [old] = box.store.ids()
    os.chown(place(box, name), NOBODY, NOBODY)
    new = taken(box)
    assert bool(new) == (
        name in ("project", "conversations", "session")
    )  # below a folder that only this user can enter
    os.chown(place(box, name), 0, 0)
    assert verify(box.store, old, box.keys) == []
    assert taken(box)


@pytest.mark.parametrize("name", PLACES)
def test_a_folder_that_everybody_may_write_to(box: Box, name: str) -> None:
    [old] = box.store.ids()
    place(box, name).chmod(0o777)
    assert bool(taken(box)) == (name != "state")
    place(box, name).chmod(0o700)
    assert verify(box.store, old, box.keys) == []
    assert taken(box)


@pytest.mark.parametrize("name", [name for name in PLACES if name != "state"])
def test_a_file_where_a_folder_should_be(box: Box, name: str) -> None:
    folder = place(box, name)
    shutil.rmtree(folder)
    folder.write_text("a file")
    assert taken(box) == ""
    assert folder.read_text() == "a file"
    folder.unlink()
    assert taken(box)


@as_root
def test_two_users_of_one_host() -> None:
    """Neither can write to the other's store nor read a word of it, and each captures into their own."""
    folder = Path(tempfile.mkdtemp(prefix="memguard-two-users-"))  # the folders of tests are closed to others
    folder.chmod(0o755)
    try:
        mine = Box(folder)
        mine.transcript.prompt(MARKER)
        old = mine.take(cwd="")
        mine.config.chmod(0o700)
        (folder / "theirs").mkdir()
        os.chown(folder / "theirs", NOBODY, NOBODY)
        assert as_nobody(lambda: mine.take(cwd="")).startswith(("StateError", "FileError"))
        assert as_nobody(lambda: os.listdir(mine.store.folder)).startswith("PermissionError")
        assert as_nobody(lambda: spy(folder)) == "no error"
        assert as_nobody(lambda: Box(folder / "theirs").take(cwd="")) == "no error"
        assert mine.store.ids() == [old]
        assert verify(mine.store, old, mine.keys) == []
        check_private(folder / "theirs" / "state")
    finally:
        shutil.rmtree(folder)


def spy(folder: Path) -> None:
    """A capture of somebody else's conversation into one's own store: it says that it could not be read."""
    (folder / "theirs" / "spy").mkdir()
    box = Box(folder / "theirs" / "spy")
    box.config = folder / "client"
    found = box.read(box.take(transcript=str(next_transcript(folder)), cwd=""))
    assert found["transcripts"][0]["is_sealed"] is False
    assert "can't be read" in found["missing"][0]


def next_transcript(folder: Path) -> Path:
    """Where the other user knows it to be."""
    return folder / "client" / "projects" / "-work-x" / f"{SESSION}.jsonl"


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
        except BaseException as error:  # noqa: BLE001  the parent judges it
            result = f"{type(error).__name__}: {error}"
        finally:
            os.write(writer, result.encode()[:4000])
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read().decode()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Box]:
    """A box whose state is on a file system of 2 MB, with a snapshot in it."""
    box = Box(tmp_path)
    box.state.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "memguard-test", str(box.state)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        box.transcript.prompt(MARKER)
        box.take(cwd="")
        yield box
    finally:
        subprocess.run(["umount", "--lazy", str(box.state)], check=True)


def test_a_disk_that_becomes_full_in_the_middle_of_a_segment(small_disk: Box) -> None:
    box, [old] = small_disk, small_disk.store.ids()
    before = {path: path.read_bytes() for path in box.files() if path.name != "memguard.log"}
    filler = box.state / "filler"
    filler.write_bytes(b"x" * 1_700_000)
    incompressible = os.urandom(500_000).hex()
    box.transcript.prompt(incompressible)
    with pytest.raises(FileError, match="No space left on device") as caught:
        box.take(cwd="")
    assert "space" in caught.value.next_step
    filler.unlink()
    assert {path: path.read_bytes() for path in box.files() if path.name != "memguard.log"} == before
    assert verify(box.store, old, box.keys) == []
    check_private(box.state)
    assert taken(box)


def test_a_disk_without_room_for_a_byte(small_disk: Box) -> None:
    box, [old] = small_disk, small_disk.store.ids()
    with (box.state / "filler").open("wb", buffering=0) as file:
        while os.statvfs(box.state).f_bfree:
            file.write(b"x" * os.statvfs(box.state).f_bsize)
    box.transcript.prompt("further")
    assert taken(box) == ""
    assert verify(box.store, old, box.keys) == []
    (box.state / "filler").unlink()
    assert taken(box)


@pytest.mark.parametrize("content", ["", "another-host.example 4711\n", "x" * 100_000])
def test_a_lock_file_that_a_dead_host_or_anybody_has_left(box: Box, content: str) -> None:
    lock = Path(box.store.project_dir) / LOCK
    lock.write_text(content)
    os.utime(lock, (0, 0))
    begun_s = time.monotonic()
    assert taken(box)
    assert time.monotonic() - begun_s < 10


def test_a_folder_in_place_of_the_lock(box: Box) -> None:
    lock = Path(box.store.project_dir) / LOCK
    lock.unlink()
    lock.mkdir()
    assert taken(box) == ""
    lock.rmdir()
    assert taken(box)


def test_a_capture_killed_while_it_holds_the_lock_holds_up_nobody(box: Box) -> None:
    """SIGKILL in the middle: the next one does not wait."""
    child = os.fork()
    if child == 0:
        with box.store.draft(bytes(32), SESSION):
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    begun_s = time.monotonic()
    assert taken(box)
    assert time.monotonic() - begun_s < 10


def failing(name: str, kind: str = "open") -> Callable[[Step, Callable[[], Any]], Any]:
    """A disk that can't read the files of this name."""

    def handler(step: Step, call: Callable[[], Any]) -> Any:
        if step.kind == kind and os.path.basename(step.path) == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO), step.path)
        return call()

    return handler


@pytest.mark.parametrize("kind", ["open", "read"])
def test_settings_that_cannot_be_read_remove_nothing(box: Box, kind: str) -> None:
    """The person may have set another number of days: what is old stays until that is known again."""
    box.compile(retention_days=1000)
    old = time.strftime("%Y%m%dT%H%M%SZ-000000", time.gmtime(time.time() - 30 * 86400))
    [other] = box.store.ids()
    os.rename(Path(box.store.folder) / other, Path(box.store.folder) / old)
    with handled(str(box.state), failing("compiled", kind)):
        box.take(cwd="")
        assert snapshot_settings(box.store.project_dir).privacy == "redacted"
    assert old in box.store.ids()
    box.take(cwd="")
    assert old in box.store.ids()
    box.compile(retention_days=1)
    box.take(cwd="")
    assert old not in box.store.ids()


def test_a_folder_of_snapshots_that_cannot_be_read_is_one_line(box: Box) -> None:
    with handled(str(box.state), failing("snapshots", "list")):
        for ask in (box.store.ids, lambda: newest_good(box.store, box.keys), lambda: box.store.find("latest")):
            with pytest.raises(StateError, match="Input/output error") as caught:
                ask()
            assert caught.value.next_step


def test_facts_that_cannot_be_read_leave_a_snapshot_listed_as_damaged(box: Box) -> None:
    with handled(str(box.state), failing("about", "read")):
        [snapshot_id] = box.store.ids()
        assert box.store.about(snapshot_id) == {}
        assert not box.store.is_whole(snapshot_id)


def test_a_clock_that_was_ahead_costs_no_new_snapshot(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots of next year look newer for ever: the one just taken stays all the same."""
    new_id = snapshot.new_id
    with monkeypatch.context() as patched:
        patched.setattr("memguard.state.draft.new_id", lambda: new_id(time.time() + 366 * 86400))
        ahead = [box.take(cwd="") for _ in range(2)]
    box.compile(retention_count=1)
    for _ in range(2):
        taken_now = box.take(cwd="")
        assert taken_now in box.store.ids()
        assert verify(box.store, taken_now, box.keys) == []
    assert ahead[1] in box.store.ids()
