"""A watchdog that dies, or a disk that fails, while a torn line is set aside or put back: every byte is still there."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memguard.watchdog.mending import mend, take_back
from tests.torn_scene import TORN, WHOLE, Scene, is_on_disk

# Every call that changes what is on disk, and those that make it last.
CALLS = ("open", "pwrite", "write", "fsync", "ftruncate", "replace", "unlink")
MOST_POINTS = 60
ROOT = Path(__file__).parents[2]

# Dies at the n-th of those calls.
DIES = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from tests.torn_scene import is_on_disk, session_in
from memguard.watchdog.mending import mend, take_back
session, left = session_in(sys.argv[2]), [int(sys.argv[3])]
def dying(original):
    def call(*words, **more):
        left[0] -= is_on_disk(words)
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*words, **more)
    return call
for name in sys.argv[5:]:
    setattr(os, name, dying(getattr(os, name)))
{"mend": mend, "take_back": take_back}[sys.argv[4]](session)
os._exit(0)
"""


@pytest.fixture
def scenes(tmp_path: Path) -> Iterator[Scene]:
    """One scene after another."""
    return (Scene(tmp_path / str(number)) for number in range(10 * MOST_POINTS))


def _dies_at(point: int, scene: Scene, what: str) -> bool:
    """Whether it died before it was done."""
    words = [sys.executable, "-I", "-c", DIES, ROOT, scene.folder, point, what, *CALLS]
    code = subprocess.run(list(map(str, words)), check=False, timeout=30).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_killed_at_any_point_while_it_is_set_aside(scenes: Iterator[Scene]) -> None:
    """The watchdog that follows begins anew, and leaves one copy."""
    for point in range(MOST_POINTS):
        scene = next(scenes)
        died = _dies_at(point, scene, "mend")
        scene.assert_nothing_is_lost()
        assert mend(scene.session) == len(TORN)
        assert (scene.path.read_bytes(), scene.copies()) == (WHOLE, [TORN])
        if not died:
            break
    assert 8 < point < MOST_POINTS - 1, f"{point} points"


def test_killed_at_any_point_while_it_is_put_back(scenes: Iterator[Scene]) -> None:
    for point in range(MOST_POINTS):
        scene = next(scenes)
        assert mend(scene.session) == len(TORN)
        died = _dies_at(point, scene, "take_back")
        scene.assert_nothing_is_lost()
        take_back(scene.session)
        assert (scene.path.read_bytes(), scene.copies()) == (WHOLE + TORN, [])
        if not died:
            break
    assert 4 < point < MOST_POINTS - 1, f"{point} points"


class _Failing:
    """A call of `os` that fails at its n-th time, and with `lasts` ever after."""

    def __init__(self, name: str, number: int, point: int, lasts: bool) -> None:
        self._original = getattr(os, name)
        self._number = number
        self._left = point
        self._lasts = lasts
        self.failed = 0

    def __call__(self, *words: Any, **more: Any) -> Any:
        if is_on_disk(words):
            self._left -= 1
            if self._left == -1 or (self._lasts and self._left < 0):
                self.failed += 1
                raise OSError(self._number, os.strerror(self._number))
        return self._original(*words, **more)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", CALLS)
def test_a_disk_that_fails_costs_the_mending_and_no_byte(
    scenes: Iterator[Scene], monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """At each call in turn, and from there on: `mend` says what it did, and does not raise."""
    for point in range(MOST_POINTS):
        failed = 0
        for lasts in (False, True):
            scene, failing = next(scenes), _Failing(call, number, point, lasts)
            with monkeypatch.context() as patched:
                patched.setattr(os, call, failing)
                torn_bytes = mend(scene.session)
            scene.assert_nothing_is_lost()
            assert not torn_bytes or scene.path.read_bytes() == WHOLE
            mend(scene.session)
            assert scene.path.read_bytes() == WHOLE
            failed += failing.failed
        if not failed:
            return
    pytest.fail("it never came to its end")
