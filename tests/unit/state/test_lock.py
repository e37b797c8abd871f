"""The store's lock and filelock's exclude each other, and a dead holder blocks nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from memguard.core.errors import StateError
from memguard.state.lock import LOCK, store_lock

HOLDER = """
import sys, time
from memguard.state.lock import store_lock
with store_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_filelock_waits_for_it_and_it_waits_for_filelock(tmp_path: Path) -> None:
    other = FileLock(str(tmp_path / LOCK))
    with store_lock(str(tmp_path)), pytest.raises(Timeout):
        other.acquire(timeout=0.05)
    with other, pytest.raises(StateError), store_lock(str(tmp_path), timeout_s=0.05):
        pass
    with store_lock(str(tmp_path), timeout_s=0.05):
        pass


def test_the_lock_of_a_killed_holder_is_free(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StateError), store_lock(str(tmp_path), timeout_s=0.05):
            pass
        holder.kill()
    with store_lock(str(tmp_path), timeout_s=5):
        pass
