"""The light half's lock and filelock's are one lock."""

import fcntl
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from memguard.core.lock import FileLock, is_held


def test_filelock_waits_for_ours(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with FileLock(path), pytest.raises(filelock.Timeout):
        filelock.FileLock(path).acquire(timeout=0)


def test_ours_waits_for_filelock(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with filelock.FileLock(path):
        assert not FileLock(path).acquire(blocking=False)
        assert is_held(path)
    assert FileLock(path).acquire(blocking=False)


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    code = f"import os; from memguard.core.lock import FileLock; FileLock({path!r}).acquire(); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not is_held(path)


def test_nothing_runs_unlocked_where_the_system_gives_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="can't be locked"), FileLock(str(tmp_path / "lock")):
        pytest.fail("ran without the lock")
