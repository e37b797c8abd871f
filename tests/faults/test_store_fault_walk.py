"""Killed, or refused by the disk, at every step: earlier snapshots open, no word is plain, the next capture is right.

`python -m tests.fault_walk` walks all points, in a minute or three; here it is a sample of them.
"""

from __future__ import annotations

import random

from tests.fault_checks import quick_folder
from tests.fault_files import DONE
from tests.fault_scenes import SCENES
from tests.fault_walk import Walk

SAMPLE = 130


def test_the_fault_walk() -> None:
    seed = random.randrange(2**32)
    with quick_folder() as folder:
        walk = Walk(folder)
        points = walk.sample(SAMPLE, random.Random(seed))
        assert {point.scene for point in points} == set(SCENES)
        reached = [point for point in points if walk.judge(point) != DONE]
        print(f"{len(reached)} of {len(walk.points)} injection points, all survived, seed {seed}")  # noqa: T201
    # A step that threads have moved is missed at times; a walk that misses many is none.
    assert len(reached) > len(points) * 0.9
