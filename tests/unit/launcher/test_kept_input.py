"""stdin kept for a second client, without filling the memory that it is kept in."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Each runs in a process of its own, since it works on descriptor 0.
KEEPS = """
import os, sys
from memguard.launcher.kept_input import KeptInput
kept = KeptInput(sys.argv[1])
for number in range(2):
    reader, got = kept.connect(), b""
    os.set_blocking(reader, False)
    while True:
        if kept.wants_more: kept.take()
        if kept.sink >= 0: kept.give()
        try:
            data = os.read(reader, 65536)
        except BlockingIOError:
            continue
        if not data: break
        got += data
    print(len(got), got[:5] + got[-5:], kept.is_whole)
    if not kept.is_whole: break
print(os.listdir(sys.argv[1]), kept.kept_bytes)
"""
NOBODY_READS = """
import sys
from memguard.launcher.kept_input import KeptInput
kept = KeptInput(sys.argv[1])
reader = kept.connect()
while kept.wants_more: kept.take()
print(kept.kept_bytes)
"""
FULL = """
import os, sys
from memguard.launcher import kept_input
def refuse(*_): raise OSError(28, "No space left on device")
os.pwrite = refuse
"""


def _run(code: str, folder: Path, stdin: bytes = b"") -> list[str]:
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=True)
    return done.stdout.decode().splitlines()


def test_a_second_client_reads_the_same_input_from_its_start(tmp_path: Path) -> None:
    lines = _run(KEEPS, tmp_path, b"begin" + os.urandom(500_000).hex().encode() + b"ended")
    assert lines == ["1000010 b'beginended' True", "1000010 b'beginended' True", "[] 1000010"]


def test_an_empty_input_ends_at_once(tmp_path: Path) -> None:
    assert _run(KEEPS, tmp_path)[:2] == ["0 b'' True", "0 b'' True"]


def test_beyond_the_clients_own_limit_input_is_passed_on_whole_and_kept_no_more(tmp_path: Path) -> None:
    first, (_, kept) = (lines := _run(KEEPS, tmp_path, b"begin" + bytes(24_000_000) + b"ended"))[0], lines[-1].split()
    assert first == "24000010 b'beginended' False"
    assert int(kept) <= 10 * 1048576


def test_whoever_writes_waits_for_a_client_that_does_not_read(tmp_path: Path) -> None:
    (read,) = _run(NOBODY_READS, tmp_path, bytes(5_000_000))
    assert int(read) < 1_200_000


def test_with_a_full_disk_the_client_still_gets_all_of_it(tmp_path: Path) -> None:
    lines = _run(FULL + KEEPS, tmp_path, b"begin" + bytes(300_000) + b"ended")
    assert lines == ["300010 b'beginended' False", "[] 0"]


def test_without_a_folder_the_client_still_gets_all_of_it(tmp_path: Path) -> None:
    code = KEEPS.replace("print(os.listdir(sys.argv[1]), kept.kept_bytes)", "")
    assert _run(code, tmp_path / "gone", b"beginended") == ["10 b'beginended' False"]
