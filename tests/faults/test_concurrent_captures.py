"""Captures at the same time: each whole, one after the other."""

from __future__ import annotations

import subprocess
from pathlib import Path

from filelock import FileLock

from memguard.state.lock import LOCK
from tests.transcripts import Box


def test_many_at_once_on_a_fresh_state_folder(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.transcript.prompt("hello")
    box.transcript.fill(2_000_000)
    workers = [
        subprocess.Popen(
            box.command(), env=box.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    answers = [worker.communicate(timeout=60) for worker in workers]
    assert [error for _, error in answers] == [""] * 5
    ids = {output.strip() for output, _ in answers}
    assert ids == set(box.store.ids())
    assert len(ids) == 5
    assert all(box.read(snapshot_id)["conversation"]["requests"] for snapshot_id in ids)


def test_a_capture_waits_for_whoever_holds_the_lock_by_filelock(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.capture()
    lock = FileLock(str(Path(box.store.project_dir) / LOCK))
    with lock, subprocess.Popen(box.command(), env=box.environment(), stdout=subprocess.PIPE, text=True) as worker:
        try:
            worker.wait(0.8)
            early = True
        except subprocess.TimeoutExpired:
            early = False
        assert not early
        assert len(box.store.ids()) == 1
        lock.release()
        assert worker.wait(30) == 0
    assert len(box.store.ids()) == 2
