"""A full disk, a read-only state folder: one line, exit 1, no litter, earlier snapshots whole."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transcripts import Box


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, which takes the right to mount one."""
    folder = tmp_path / "state"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a small file system can't be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def one_line(done: subprocess.CompletedProcess[str], *wanted: str) -> None:
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in wanted), done.stderr


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.transcript.prompt("hello")
    good = box.capture()
    before = names(small_disk) | {"memguard.log"}
    box.transcript.raw(os.urandom(3_000_000).hex().encode() + b"\n")
    one_line(box.run(), "No space left")
    assert names(small_disk) <= before
    assert box.read(good)["conversation"]["requests"][0]["text"] == "hello"


def test_a_disk_that_is_full_before_the_keys(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "filling").write_bytes(b"x" * 1040000)
    box = Box(tmp_path)
    one_line(box.run(), "No space left")
    (small_disk / "filling").unlink()
    box.capture()


def test_a_read_only_state_folder(small_disk: Path, tmp_path: Path) -> None:
    box = Box(tmp_path)
    good = box.capture()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    before = names(small_disk)
    one_line(box.run(), "Read-only")
    assert names(small_disk) == before
    assert box.read(good)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere; the read-only mount stands for it")
def test_a_state_folder_without_the_right_to_write(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.capture()
    box.state.joinpath(box.key, "snapshots").chmod(0o500)
    one_line(box.run(), "Permission denied")


def test_a_link_in_place_of_the_snapshots_folder(tmp_path: Path) -> None:
    box = Box(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Path(box.store.project_dir).mkdir(parents=True)
    Path(box.store.folder).symlink_to(elsewhere)
    done = box.run()
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert list(elsewhere.iterdir()) == []


def test_a_guard_folder_that_is_gone_costs_the_note_not_the_snapshot(tmp_path: Path) -> None:
    box = Box(tmp_path)
    blocked = tmp_path / "guards"
    blocked.write_text("not a folder")
    assert box.read(box.capture(guard=str(blocked / "aa11"), handoff="beef"))
    assert "no handoff note" in (box.state / "memguard.log").read_text()
