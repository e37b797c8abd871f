"""Values that have to fall from one to the next, and which of two gives way when they don't."""

from collections.abc import Collection
from itertools import pairwise


class ConflictError(ValueError):
    """Two values that a person set contradict each other: `low` is above `high` (both are keys)."""

    def __init__(self, high: str, low: str) -> None:
        super().__init__(f"{low} is above {high}")
        self.high = high
        self.low = low


def settle(values: dict[str, float], falling: dict[str, float], pinned: Collection[str]) -> set[str]:
    """Make `values` fall along the keys of `falling`, and return the keys that had to move.

    What a person set is `pinned` and stays; anything else follows its neighbour at the ratio that `falling` gives
    for a key (how many times the next lower one it then is), as far as the pinned ones leave room. Raises
    ConflictError where two pinned ones disagree.
    """
    keys = list(falling)
    _refuse_conflicts(values, [key for key in keys if key in pinned])
    before = dict(values)
    free = [key for key in keys if key not in pinned]
    for key in reversed(free):
        least, most = _room(values, keys, key, pinned)
        if values[key] < least:
            below = keys[keys.index(key) + 1]
            values[key] = min(most, max(least, values[below] * falling[key]))
    for high, low in pairwise(keys):
        if values[low] > values[high]:
            values[low] = max(_room(values, keys, low, pinned)[0], values[high] / falling[high])
    return {key for key in keys if values[key] != before[key]}


def _refuse_conflicts(values: dict[str, float], pinned: list[str]) -> None:
    for high, low in pairwise(pinned):
        if values[low] > values[high]:
            raise ConflictError(high, low)


def _room(values: dict[str, float], keys: list[str], key: str, pinned: Collection[str]) -> tuple[float, float]:
    """The least and the most that `key` may be between the pinned ones."""
    position = keys.index(key)
    least = max((values[other] for other in keys[position + 1 :] if other in pinned), default=0.0)
    return least, min((values[other] for other in keys[:position] if other in pinned), default=float("inf"))
