"""A capture that is killed at any moment leaves the store as it was, or complete."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memguard.state.verify import verify
from tests.transcripts import Box

# Kills itself at the n-th call that changes the disk, before it or after it.
PROGRAM = """
import itertools, os, signal, sys
stop, after = int(sys.argv[1]), sys.argv[2] == "after"
numbers = itertools.count(1)

def deadly(function):
    def called(*arguments, **options):
        number = next(numbers)
        if number == stop and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return function(*arguments, **options)
        finally:  # also where it raised
            if number == stop and after:
                os.kill(os.getpid(), signal.SIGKILL)
    return called

for name in ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir", "fdopen"):
    setattr(os, name, deadly(getattr(os, name)))
from memguard.state.capture import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def check(box: Box, before: list[str]) -> None:
    """What was there is there and opens; what is new opens too."""
    ids = box.store.ids()
    assert set(before) <= set(ids)
    assert len(ids) <= len(before) + 1
    for snapshot_id in ids:
        assert box.store.is_whole(snapshot_id)
        assert verify(box.store, snapshot_id, box.keys) == []
        assert box.told(snapshot_id)


def leftovers(box: Box) -> list[str]:
    return [path.name for path in Path(box.store.folder).iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_change_of_the_disk(box: Box, moment: str) -> None:
    box.transcript.prompt("hello")
    ids = [box.capture()]
    for number in range(1, 200):
        command = [sys.executable, "-c", PROGRAM, str(number), moment, *box.arguments()]
        done = subprocess.run(command, env=box.environment(), capture_output=True, check=False, timeout=60)
        check(box, ids)
        ids = box.store.ids()
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    else:
        pytest.fail("the capture never came to its end")
    assert number > 15
    assert leftovers(box) == []


def test_killed_at_random_moments_of_a_long_one(box: Box) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    box.transcript.prompt("hello")
    box.transcript.fill(8_000_000)
    begun_s = time.monotonic()
    ids = [box.capture()]
    length_s = time.monotonic() - begun_s
    for _ in range(12):
        with subprocess.Popen(box.command(), env=box.environment(), stdout=subprocess.DEVNULL) as worker:
            try:
                worker.wait(chance.uniform(0.05, length_s))
            except subprocess.TimeoutExpired:
                worker.kill()
        check(box, ids)
        ids = box.store.ids()
    box.capture()
    assert leftovers(box) == []


def test_killed_while_the_keys_are_made(tmp_path: Path) -> None:
    for number in range(1, 21):
        box = Box(tmp_path)
        box.state = tmp_path / f"state{number}"
        command = [sys.executable, "-c", PROGRAM, str(number), "before", *box.arguments()]
        done = subprocess.run(command, env=box.environment(), capture_output=True, check=False, timeout=60)
        assert done.returncode == -signal.SIGKILL
        box.read(box.capture())
