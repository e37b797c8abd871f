"""What is on record of starts, and what is made of a file that memguard didn't write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memguard.core.lock import FileLock
from memguard.guard.resume_footprint import Start
from memguard.watchdog.start_ledger import StartLedger

if TYPE_CHECKING:
    from pathlib import Path

MB = 1024 * 1024


@pytest.fixture
def ledger(tmp_path: Path) -> StartLedger:
    return StartLedger(str(tmp_path / "starts"))


def test_it_gives_back_what_was_put_in_oldest_first(ledger: StartLedger, tmp_path: Path) -> None:
    rows = [(n * 20 * MB, n * 90 * MB, n * 50 * MB) for n in range(6)]
    assert all(ledger.add(Start(*row)) for row in rows)
    assert [start.as_row() for start in ledger.starts()] == rows
    assert (tmp_path / "starts").stat().st_mode & 0o777 == 0o600


def test_it_stays_small(ledger: StartLedger, tmp_path: Path) -> None:
    for n in range(60):
        ledger.add(Start((n % 2) * 20 * MB, 1 << 59, (1 << 59) + n))
    assert len(ledger.starts()) == 16
    assert ledger.starts()[-1].settled_bytes == (1 << 59) + 59
    assert (tmp_path / "starts").stat().st_size < 4096


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"0=", b"0=1 2", b"0=1 2 3 4", b"0=-1 2 3", b"0=1e9 2 3", b"0=1 2 99999999999999999999",
        b"x=1 2 3", b"-1=1 2 3", b"99999=1 2 3", "0=\u0661 2 3".encode(), b"0" * 100_000,
    ],
)  # fmt: skip
def test_what_memguard_did_not_write_counts_as_absent(ledger: StartLedger, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "starts").write_bytes(content)
    assert ledger.starts() == []


def test_one_bad_line_costs_that_line(ledger: StartLedger, tmp_path: Path) -> None:
    (tmp_path / "starts").write_text("0=1 2 3\n1=torn\n2=4 5 6\n")
    assert [start.as_row() for start in ledger.starts()] == [(1, 2, 3), (4, 5, 6)]


def test_a_link_a_pipe_and_a_file_that_others_may_write_count_as_absent(ledger: StartLedger, tmp_path: Path) -> None:
    path, real = tmp_path / "starts", tmp_path / "real"
    real.write_text("0=1 2 3\n")
    path.symlink_to(real)
    assert ledger.starts() == []
    path.unlink()
    os.mkfifo(path)
    assert ledger.starts() == []
    path.unlink()
    path.write_text("0=1 2 3\n")
    path.chmod(0o666)
    assert ledger.starts() == []


def test_while_another_guard_writes_nothing_is_waited_for(ledger: StartLedger, tmp_path: Path) -> None:
    with FileLock(str(tmp_path / "starts.lock")):
        assert not ledger.add(Start(0, 1, 1))
    assert ledger.add(Start(0, 1, 1))
