"""A file that is kept open where everybody else opens and closes what he likes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.test_run.kept_file import KeptFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "status"
    path.write_bytes(b"ours")
    return path


@pytest.fixture
def kept(path: Path) -> Iterator[KeptFile]:
    kept = KeptFile(str(path))
    assert kept.read(99) == b"ours"
    yield kept
    kept.close()


def give_away(kept: KeptFile, *, to: Path | None) -> int:
    """Close its descriptor as a stranger would; the number is that of `to` from then on, where one is given."""
    number = kept._descriptor
    os.close(number)
    if to is not None:
        other = os.open(to, os.O_RDONLY)
        os.dup2(other, number)
        if other != number:
            os.close(other)
    return number


def test_each_reading_is_of_now(kept: KeptFile, path: Path) -> None:
    path.write_bytes(b"grown")
    assert kept.read(99) == kept.peek(99) == b"grown"
    assert kept.read(3) == b"gro"


def test_a_file_that_was_closed_is_opened_again(kept: KeptFile) -> None:
    give_away(kept, to=None)
    assert kept.peek(99) == b""
    assert kept.read(99) == b"ours"


def test_a_number_that_is_another_files_by_now_is_neither_believed_nor_closed(kept: KeptFile, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"theirs")
    number = give_away(kept, to=other)
    assert not kept.is_ours()
    assert kept.read(99) == b"ours"
    kept.close()
    assert os.pread(number, 99, 0) == b"theirs"
    os.close(number)


def test_closing_leaves_alone_what_has_its_number(kept: KeptFile, tmp_path: Path) -> None:
    number = give_away(kept, to=tmp_path)
    kept.close()
    os.close(number)  # OSError, had it been closed


def test_a_pipe_in_its_place_is_no_answer(kept: KeptFile) -> None:
    number = give_away(kept, to=None)
    reader, writer = os.pipe()
    os.dup2(reader, number)
    assert kept.peek(99) == b""
    assert kept.read(99) == b"ours"
    for descriptor in {reader, writer, number}:
        os.close(descriptor)


def test_what_is_not_there_is_empty(tmp_path: Path) -> None:
    kept = KeptFile(str(tmp_path / "none"))
    assert kept.read(99) == kept.peek(99) == b""
    kept.close()


def test_a_test_that_replaces_the_functions_of_os_changes_nothing(
    kept: KeptFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for name in ("open", "pread", "fstat", "close"):
            patch.setattr(os, name, None)
        found = kept.read(99)
        kept.close()
    assert found == b"ours"


def test_programs_that_are_started_do_not_inherit_it(kept: KeptFile) -> None:
    assert not os.get_inheritable(kept._descriptor)
