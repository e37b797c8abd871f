"""A power cut at any moment of a capture: what was not synced may be missing, torn, or under its old name."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.fault_checks import quick_folder
from tests.power_cut import Choice, at_random, least, names_alone
from tests.power_cut_walk import Recording

RANDOM_CUTS = 80
EVERY = 2  # of the steps, from a random one on; `python -m tests.fault_walk` takes all


@pytest.fixture(scope="module")
def recording() -> Iterator[Recording]:
    with quick_folder() as folder:
        yield Recording(folder)


@pytest.mark.parametrize("choose", [least, names_alone])
def test_with_nothing_but_what_was_synced(recording: Recording, choose: Choice) -> None:
    for steps in range(random.randrange(1, EVERY + 1), len(recording.disk.steps) + 1, EVERY):
        recording.cut(steps, choose, choose.__name__)


def test_with_anything_of_what_was_not_synced(recording: Recording) -> None:
    seed = random.randrange(2**32)
    for number in range(RANDOM_CUTS):
        chance = random.Random(f"{seed}/{number}")
        steps = chance.randrange(1, len(recording.disk.steps) + 1)
        recording.cut(steps, at_random(chance), f"seed {seed}, cut {number}:")
    print(f"{RANDOM_CUTS} power cuts, all survived, seed {seed}")  # noqa: T201  shown by `pytest -rP`
