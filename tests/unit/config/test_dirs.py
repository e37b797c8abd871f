"""memguard's folders are this user's alone, or there is a clear error."""

import os
import sys
import warnings
from pathlib import Path

import pytest

from memguard.config.dirs import runtime_dir, state_dir
from memguard.core.errors import StateError
from memguard.core.own_folder import own_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX")


def test_both_folders_are_made_private(person: Path) -> None:
    for path in (state_dir(), runtime_dir()):
        assert path.startswith(str(person))
        assert os.stat(path).st_mode & 0o777 == 0o700


def test_a_folder_that_is_open_to_others_is_closed(person: Path) -> None:
    (person / "open").mkdir(mode=0o755)
    own_folder(str(person / "open"))
    assert os.stat(person / "open").st_mode & 0o777 == 0o700


def test_a_folder_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    path = state_dir()
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(StateError, match="belongs to another user") as caught:
        own_folder(path)
    assert path in caught.value.what


def test_a_parent_that_others_may_write_to_is_refused(person: Path) -> None:
    shared = person / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(StateError, match="others may write"):
        own_folder(str(shared / "memguard"))
    shared.chmod(0o1777)  # as /tmp is: only the owner of an entry may replace it
    assert own_folder(str(shared / "memguard"))


def test_a_link_and_a_file_in_its_place_are_refused(person: Path) -> None:
    (person / "elsewhere").mkdir()
    (person / "link").symlink_to(person / "elsewhere")
    (person / "file").write_text("")
    with pytest.raises(StateError, match="is a link"):
        own_folder(str(person / "link"))
    with pytest.raises(StateError, match="not a folder"):
        own_folder(str(person / "file"))


def test_a_missing_runtime_folder_of_the_system_is_no_noise(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runtime_dir()
    assert capfd.readouterr().err == ""
