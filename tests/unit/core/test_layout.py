"""Small files and private folders."""

import os
from pathlib import Path

import pytest

from memguard.core.layout import is_plain_id, private_dir, read_pairs, write_atomic, write_pairs


def test_pairs_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = str(tmp_path / "pairs")
    write_pairs(path, {"name": "a=b", "number": 7, "empty": ""})
    assert read_pairs(path) == {"name": "a=b", "number": "7", "empty": ""}
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\n"])
def test_a_line_break_in_a_pair_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        write_pairs(str(tmp_path / "pairs"), {"name": value})


def test_writing_replaces_a_link_instead_of_following_it(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("the person's")
    (tmp_path / "link").symlink_to(target)
    write_atomic(str(tmp_path / "link"), b"ours")
    assert target.read_text() == "the person's"
    assert not (tmp_path / "link").is_symlink()


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError):
        private_dir(str(tmp_path / "folder"))


def test_a_folder_that_others_may_enter_is_closed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    assert os.stat(private_dir(str(tmp_path / "open"))).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "..", "a/b", "-x", "a" * 65, "a\0b", "a b", "ä", "a\n", "../../x"])
def test_what_could_leave_a_folder_or_be_a_flag_is_no_plain_id(text: str) -> None:
    assert not is_plain_id(text)
