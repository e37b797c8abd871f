"""Setting aside the torn end of a transcript, and putting it back: no byte is ever lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from memguard.watchdog import torn_line
from memguard.watchdog.torn_line import MARK, Aside, put_back, set_aside

if TYPE_CHECKING:
    from pathlib import Path

FIRST = b'{"type":"user","message":{"role":"user","content":"port the parser"}}\n'
SECOND = b'{"type":"assistant","message":{"content":[{"type":"text","text":"gr\xc3\xbc\xc3\x9fe, done"}]}}\n'
HALF = SECOND[:50]


class Place:
    """A transcript in a client's folder."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "client"
        self.path = self.config / "projects" / "-work-x" / "06c063cf.jsonl"
        self.path.parent.mkdir(parents=True)
        self.noted: list[Aside] = []

    def write(self, data: bytes) -> None:
        self.path.write_bytes(data)
        self.path.chmod(0o600)

    def set_aside(self) -> Aside | None:
        return set_aside(str(self.path), str(self.config), self.noted.append)

    def put_back(self, aside: Aside) -> None:
        put_back(aside, str(self.config))

    def copies(self) -> list[Path]:
        return sorted(self.path.parent.glob(f"*{MARK}*"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize(
    "torn",
    [
        HALF, b"{", SECOND[:-2], SECOND[: SECOND.index(b"\xc3") + 1], HALF + b"\0" * 4096, b"\0" * 4096,
        b"\0" * 4096 + b"\n", HALF + b"\n", b'"text"', b"null\n", HALF + SECOND,
        HALF + b"\n" + b"\0" * 64 + b"\n" + b"\0",
    ],
    ids=[
        "half a line", "its first byte", "all but its end", "half a character", "half a line and NULs", "NULs",
        "a line of NULs", "half a line, ended later", "no object", "no object, ended", "the next one glued to it",
        "three lines after a crash of the host",
    ],
)  # fmt: skip
def test_what_is_torn_is_set_aside_and_comes_back_byte_for_byte(place: Place, torn: bytes) -> None:
    place.write(FIRST + SECOND + torn)
    aside = place.set_aside()
    assert aside is not None
    assert place.path.read_bytes() == FIRST + SECOND
    (copy,) = place.copies()
    assert copy.read_bytes() == torn
    assert (copy.stat().st_mode & 0o777, copy.name) == (0o600, aside.name)
    assert (aside.offset, aside.size_bytes) == (len(FIRST + SECOND), len(torn))
    place.put_back(aside)
    assert place.path.read_bytes() == FIRST + SECOND + torn
    assert place.copies() == []


@pytest.mark.parametrize(
    "whole",
    [b"", FIRST, FIRST + SECOND, FIRST + SECOND[:-1], FIRST + b"\n", FIRST + b"\xff".join([b'{"a":"', b'"}\n'])],
    ids=["empty", "one line", "two lines", "without the last line end", "an empty line", "what is no UTF-8"],
)
def test_what_is_whole_is_left_alone(place: Place, whole: bytes) -> None:
    place.write(whole)
    before = place.path.stat()
    assert place.set_aside() is None
    assert place.path.read_bytes() == whole
    assert (place.path.stat().st_mtime_ns, place.copies(), place.noted) == (before.st_mtime_ns, [], [])


def test_cut_at_every_byte_nothing_is_lost(place: Place) -> None:
    """Whatever the client had written of its last line, the lines before it stay, and the rest lies beside them."""
    for length in range(len(SECOND) + 1):
        place.write(FIRST + SECOND[:length])
        aside = place.set_aside()
        if length in (0, len(SECOND) - 1, len(SECOND)):
            assert aside is None
            continue
        assert aside is not None
        assert place.path.read_bytes() == FIRST
        place.put_back(aside)
        assert place.path.read_bytes() == FIRST + SECOND[:length]


def test_a_line_of_megabytes_is_found(place: Place) -> None:
    whole = json.dumps({"text": "x" * 9_000_000}).encode() + b"\n"
    place.write(FIRST + whole)
    assert place.set_aside() is None
    place.write(FIRST + whole + whole[:-4])
    aside = place.set_aside()
    assert aside is not None
    assert (aside.offset, place.path.stat().st_size) == (len(FIRST + whole), len(FIRST + whole))
    place.put_back(aside)
    assert place.path.read_bytes() == FIRST + whole + whole[:-4]


def test_a_file_that_is_no_transcript_at_all_is_left_alone(place: Place) -> None:
    place.write(b"".join(b"line %d of a diary\n" % number for number in range(40)))
    with pytest.raises(OSError, match="torn"):
        place.set_aside()
    assert place.copies() == []


def test_links_other_names_and_other_folders_are_refused(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(FIRST + HALF)
    place.path.symlink_to(other)
    with pytest.raises(OSError):  # noqa: PT011  the kernel's own words
        place.set_aside()
    place.path.unlink()
    place.path.hardlink_to(other)
    with pytest.raises(PermissionError, match="plain file"):
        place.set_aside()
    for path in (str(other), f"{place.path.parent}/../../../other.jsonl", "relative.jsonl", f"{place.path}\0"):
        with pytest.raises((OSError, ValueError)):
            set_aside(path, str(place.config), place.noted.append)
    folder = place.config / "projects" / "-away"
    folder.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="outside"):
        set_aside(f"{folder}/other.jsonl", str(place.config), place.noted.append)
    os.mkfifo(place.path.parent / "pipe.jsonl")
    with pytest.raises(PermissionError, match="plain file"):
        set_aside(str(place.path.parent / "pipe.jsonl"), str(place.config), place.noted.append)
    assert other.read_bytes() == FIRST + HALF
    assert place.noted == []


def test_while_somebody_has_it_open_it_is_left_alone(place: Place) -> None:
    place.write(FIRST + HALF)
    for mode in ("rb", "ab"):
        with place.path.open(mode), pytest.raises(BlockingIOError, match="another process"):
            place.set_aside()
    assert place.path.read_bytes() == FIRST + HALF
    assert place.copies() == []
    assert place.set_aside() is not None


def test_who_opens_it_meanwhile_waits_and_ends_nobody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells the holder of a lease by a signal that ends a process which doesn't expect it."""
    place.write(FIRST + HALF)
    code = "import sys; file = open(sys.argv[1], 'ab'); file.write(b'later'); file.close()"
    opener: list[subprocess.Popen[bytes]] = []

    def save(file: torn_line.OpenTranscript, aside: Aside) -> None:
        opener.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", code, str(place.path)]))
        with pytest.raises(subprocess.TimeoutExpired):
            opener[0].wait(0.5)
        original(file, aside)

    original = torn_line._save
    monkeypatch.setattr(torn_line, "_save", save)
    aside = place.set_aside()
    assert opener[0].wait(10) == 0
    assert place.path.read_bytes() == FIRST + b"later"
    assert aside is not None
    assert place.copies()[0].read_bytes() == HALF


def test_it_is_not_put_back_over_what_the_client_has_written_since(place: Place) -> None:
    place.write(FIRST + HALF)
    aside = place.set_aside()
    assert aside is not None
    for since in (SECOND, b"x" * len(HALF), b"x"):
        place.write(FIRST + since)
        with pytest.raises(PermissionError, match="since"):
            place.put_back(aside)
        assert place.path.read_bytes() == FIRST + since
        assert place.copies()[0].read_bytes() == HALF
    place.write(FIRST[:-1])
    with pytest.raises(PermissionError, match="since"):
        place.put_back(aside)


def test_a_copy_that_is_a_link_is_not_put_back(place: Place, tmp_path: Path) -> None:
    place.write(FIRST + HALF)
    aside = place.set_aside()
    assert aside is not None
    (copy,) = place.copies()
    copy.rename(tmp_path / "elsewhere")
    copy.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):  # noqa: PT011  the kernel's own words
        place.put_back(aside)
    assert place.path.read_bytes() == FIRST
