"""The record of restarts while others are at it, die at it, or the disk is full: real processes, real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from memguard.core.settings import RestartLimits
from memguard.guard.protection import RestartProtection
from memguard.guard.restart_verdict import LOST
from tests.sandbox import wait_until
from tests.unit.guard.limits import PAIRS

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import resource, signal, sys, time
from memguard.core.settings import RestartLimits
from memguard.guard import restart_record
from memguard.guard.protection import RestartProtection
from tests.unit.guard.limits import PAIRS
path, guard, what, host_most = sys.argv[1:5]
protection = RestartProtection(path, guard, RestartLimits(PAIRS | {"host_max_attempts": host_most}))
if what == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
if what == "stop":
    real = restart_record.write_in_turn
    def stop(*words):
        print("locked", flush=True)
        time.sleep(60)
    restart_record.write_in_turn = stop
print("ready", flush=True)
sys.stdin.readline()
try:
    print(protection.begin_attempt("test")[0], flush=True)
except OSError as error:
    print(f"refused: {error}", flush=True)
"""


def _start(path: Path, guard: str, what: str = "", host_most: int = 12) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", PROGRAM, str(path), guard, what, str(host_most)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert _line(process) == "ready"
    return process


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def _protection(path: Path, guard: str = "g") -> RestartProtection:
    return RestartProtection(str(path), guard, RestartLimits(PAIRS))


def test_of_many_at_once_only_as_many_get_one_as_the_host_allows(tmp_path: Path) -> None:
    path = tmp_path / "protection.json"
    processes = [_start(path, f"g{number}", host_most=2) for number in range(5)]
    for process in processes:
        _go(process)
    answers = sorted(_line(process) for process in processes)
    for process in processes:
        _end(process)
    assert answers == ["0", "0", "0", "1", "1"]
    assert len(json.loads(path.read_text())["attempts"]) == 2


def test_a_lock_of_a_dead_process_holds_nobody_up_and_the_record_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "protection.json"
    _protection(path, "other").begin_attempt("before")
    before = path.read_bytes()
    process = _start(path, "g", "stop")
    _go(process)
    assert _line(process) == "locked"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert path.read_bytes() == before
    begun_s = time.monotonic()
    assert _protection(path).begin_attempt("after")[0] == 1
    assert time.monotonic() - begun_s < 1
    _end(process)


def test_a_lock_of_a_stopped_process_is_waited_for_only_so_long(tmp_path: Path) -> None:
    path = tmp_path / "protection.json"
    process = _start(path, "g", "stop")
    _go(process)
    assert _line(process) == "locked"
    begun_s = time.monotonic()
    with pytest.raises(OSError, match="held by another process"):
        _protection(path).begin_attempt("test")
    assert time.monotonic() - begun_s < 10
    assert _protection(path).can_restart()[0], "reading needs no lock"
    _end(process)
    assert wait_until(lambda: _protection(path).begin_attempt("test")[0], "the lock is free")


def test_on_a_full_disk_the_record_stays_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "protection.json"
    _protection(path, "other").begin_attempt("before")
    before = path.read_bytes()
    process = _start(path, "g", "full")
    _go(process)
    assert _line(process).startswith("refused: [Errno 27]")
    process.wait(10)
    _end(process)
    assert path.read_bytes() == before


def test_an_unreadable_record_on_a_full_disk_stays_spent(tmp_path: Path) -> None:
    path = tmp_path / "protection.json"
    path.write_bytes(b"{")
    process = _start(path, "g", "full")
    _go(process)
    assert _line(process).startswith("refused")
    _end(process)
    assert path.read_bytes() == b"{"
    assert _protection(path).verdict().kind == LOST


@pytest.mark.parametrize("kind", ["folder", "link", "fifo", "10 MB"])
def test_what_is_no_record_is_spent_and_holds_nobody_up(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "protection.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/dev/zero")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.write_bytes(b" " * 10_000_000)
    begun_s = time.monotonic()
    assert _protection(path).verdict().kind == LOST
    assert (
        _protection(path).begin_attempt("test")[0] == 0 if kind != "folder" else not _protection(path).can_restart()[0]
    )
    assert time.monotonic() - begun_s < 5
