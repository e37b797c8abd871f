"""Small files and private folders."""

import errno
import os
from pathlib import Path

import pytest

from memguard.core.layout import is_own_dir, is_plain_id, private_dir, read_pairs, write_atomic, write_pairs


def test_pairs_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = str(tmp_path / "pairs")
    write_pairs(path, {"name": "a=b", "number": 7, "empty": ""})
    assert read_pairs(path) == {"name": "a=b", "number": "7", "empty": ""}
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mark", [*map(chr, (11, 12, 28, 29, 30, 0x85, 0x2028, 0x2029))])
def test_a_folder_named_like_another_pair_is_no_other_pair(tmp_path: Path, mark: str) -> None:
    """All that Python's `splitlines` takes for the end of a line may be in a folder's name."""
    path = str(tmp_path / "pairs")
    pairs = {"cwd": f"/home/me/evil{mark}transcript=/other"}
    write_pairs(path, dict(pairs))
    assert read_pairs(path) == pairs


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


def _nearly_full(monkeypatch: pytest.MonkeyPatch, room_bytes: int) -> None:
    """As a nearly full disk: `write` takes what fits and says so, and only the next one fails."""
    write, left = os.write, [room_bytes]

    def some(descriptor: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[: min(3, left[0])])
        left[0] -= written
        return written

    monkeypatch.setattr(os, "write", some)


def test_what_the_system_takes_in_pieces_arrives_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _nearly_full(monkeypatch, 100)
    write_atomic(str(tmp_path / "file"), b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_what_finds_no_room_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"old")
    _nearly_full(monkeypatch, 7)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(str(tmp_path / "file"), b"0123456789")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_what_need_not_last_waits_for_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_atomic(str(tmp_path / "file"), b"status", lasts=False)
    assert synced == []
    write_atomic(str(tmp_path / "file"), b"snapshot")
    assert len(synced) == 1


def test_missing_folders_above_are_private_too(tmp_path: Path) -> None:
    private_dir(str(tmp_path / "a" / "b" / "c"))
    assert {os.stat(path).st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a" / "b")} == {0o700}


@pytest.mark.parametrize(
    ("own", "above", "expected"),
    [(0o700, 0o700, True), (0o700, 0o755, True), (0o700, 0o1777, True), (0o755, 0o700, False), (0o700, 0o777, False)],
)
def test_a_folder_is_ours_alone_only_where_nobody_else_can_fill_or_swap_it(
    tmp_path: Path, own: int, above: int, expected: bool
) -> None:
    (tmp_path / "above" / "own").mkdir(parents=True)
    (tmp_path / "above" / "own").chmod(own)
    (tmp_path / "above").chmod(above)
    assert is_own_dir(str(tmp_path / "above" / "own")) is expected


def test_a_link_and_a_missing_folder_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert not is_own_dir(str(tmp_path / "link"))
    assert not is_own_dir(str(tmp_path / "none"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("name", ["above", "above/own"])
def test_a_folder_that_another_user_made_is_not_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / "above").mkdir(mode=0o700)
    (tmp_path / "above" / "own").mkdir(mode=0o700)
    os.chown(tmp_path / name, 12345, 12345)
    assert not is_own_dir(str(tmp_path / "above" / "own"))
