"""The fault walk: what is done to a store ends, or is refused by the disk, at every step of it; what must hold then.

    python -m tests.fault_walk        walks all points and prints how many there are

Each point is a child of this process, forked when all modules are loaded, so that it takes some 50 ms.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from memguard.core.errors import MemguardError
from tests.fault_checks import check_cleared, check_next, check_store, quick_folder
from tests.fault_files import DONE, REFUSED, UNHEEDED, BrokenDisk, Fault, FullDisk, Killed, in_child, steps_of
from tests.fault_scenes import SCENES, Scene
from tests.transcripts import Box

# The transcripts stay where they are: cursors know them by their inodes.
_LAID_OUT = ("state", "out")


class Kind(NamedTuple):
    """What goes wrong, how it may end then, and whether reading can go wrong, too."""

    name: str
    fault: Callable[[int], Fault]
    ends: frozenset[int]
    counts_reading: bool = False


_KILLED, _ERROR = frozenset((-signal.SIGKILL,)), frozenset((REFUSED, UNHEEDED))
KINDS = (
    Kind("killed before", lambda number: Killed(number, is_after=False), _KILLED),
    Kind("killed after, or within a write", lambda number: Killed(number, is_after=True), _KILLED),
    Kind(os.strerror(errno.ENOSPC), FullDisk, _ERROR),
    Kind(os.strerror(errno.EIO), BrokenDisk, _ERROR, counts_reading=True),
)


class Point(NamedTuple):
    """One step of a scene, and what goes wrong there."""

    scene: Scene
    kind: Kind
    number: int

    def __str__(self) -> str:
        return f"{self.scene.name}: {self.kind.name}, step {self.number}"


class Walk:
    """All scenes in one folder, and the points that there are."""

    def __init__(self, folder: Path) -> None:
        self._stages = {scene: Stage(folder / f"scene{number}", scene) for number, scene in enumerate(SCENES)}
        self.points = [point for stage in self._stages.values() for point in stage.points()]

    def judge(self, point: Point) -> int:
        """Let it happen; AssertionError where what must hold then does not. How the process ended."""
        return self._stages[point.scene].judge(point)

    def sample(self, most: int, chance: random.Random) -> list[Point]:
        """At most so many points, of each scene and kind alike."""
        step = max(1, -(-len(self.points) // most))
        return self.points[chance.randrange(step) :: step]


class Stage:
    """A box as it is before a scene, to be laid out anew for each point."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        folder.mkdir()
        self._scene = scene
        self._box = Box(folder)
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        scene.prepare(self._box)
        self._before = folder / "before"
        _copy(folder, self._before)
        self._earlier = self._box.store.ids()

    def points(self) -> Iterator[Point]:
        """Every point, by a run without a fault."""
        steps = steps_of(self._box.folder, self._act)
        changes = sum(step.is_change for step in steps)
        for kind in KINDS:
            for number in range(1, (len(steps) if kind.counts_reading else changes) + 1):
                yield Point(self._scene, kind, number)

    def judge(self, point: Point) -> int:
        """See `Walk.judge`."""
        self._lay_out()
        ended = in_child(self._box.folder, self._act, point.kind.fault(point.number))
        # Threads: a step can come sooner or later than it did at the counting.
        assert ended in point.kind.ends or ended == DONE, f"{point}: ended with {ended}"
        try:
            self._check(is_complete=ended in (DONE, UNHEEDED))
        except (AssertionError, MemguardError, OSError, ValueError) as error:
            raise AssertionError(f"{point}: {type(error).__name__}: {error}") from error
        return ended

    def _act(self) -> None:
        with mock.patch.object(tempfile, "tempdir", str(self._temporary)):
            self._scene.act(self._box)

    def _lay_out(self) -> None:
        for name in _LAID_OUT:
            shutil.rmtree(self._box.folder / name, ignore_errors=True)
        _copy(self._before, self._box.folder)

    def _check(self, *, is_complete: bool) -> None:
        """Right after it, and after the next capture."""
        box = self._box
        if box.state.exists():
            check_store(box)
        ids = set(box.store.ids())
        assert ids or not self._earlier, "no snapshot is left"
        assert self._scene.may_remove or ids >= set(self._earlier), "an earlier snapshot is gone"
        assert not (is_complete and self._scene.adds) or ids - set(self._earlier), "the new snapshot is gone"
        assert not list(self._temporary.iterdir()), "something is in the temporary folder"
        self._scene.check(box)
        check_next(box)
        check_cleared(box)


def _copy(old: Path, new: Path) -> None:
    for name in _LAID_OUT:
        if (old / name).exists():
            shutil.copytree(old / name, new / name)


def main() -> int:
    """Walk all points, then all power cuts, and print what came of it."""
    from tests.power_cut_walk import walk_all  # which is of what is above

    begun_s, ends = time.monotonic(), Counter[tuple[str, str]]()
    names = {DONE: "not reached", REFUSED: "named error", UNHEEDED: "complete", -signal.SIGKILL: "killed"}
    with quick_folder() as folder:
        walk = Walk(folder)
        for point in walk.points:
            ends[f"{point.scene.name}: {point.kind.name}", names[walk.judge(point)]] += 1
    for (what, how), count in sorted(ends.items()):
        print(f"{count:5}  {what}: {how}")  # noqa: T201
    print(f"{len(walk.points)} injection points, all survived, {time.monotonic() - begun_s:.0f} s")  # noqa: T201
    print(walk_all())  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
