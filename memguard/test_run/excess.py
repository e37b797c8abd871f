"""A limit that was passed: by how much, and who holds it."""

from typing import NamedTuple


class ProcessSize(NamedTuple):
    """One process of the tree. `name` is as it chose it, less what can't be printed."""

    pid: int
    name: str
    size_bytes: int


class Excess:
    """`size_bytes` is what the tree held, and `growth_bytes` how much that was more than at the test's beginning.

    A test's own limit is on `growth_bytes`, the run's on `size_bytes`. `largest` are the processes that held the most.
    `is_confirmed`: memory that processes share is counted once in it, as the kernel has it (PSS).
    """

    __slots__ = ("growth_bytes", "is_confirmed", "largest", "limit_bytes", "size_bytes")

    def __init__(
        self,
        size_bytes: int,
        limit_bytes: int,
        growth_bytes: int,
        largest: tuple[ProcessSize, ...],
        *,
        is_confirmed: bool,
    ) -> None:
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes
        self.growth_bytes = growth_bytes
        self.largest = largest
        self.is_confirmed = is_confirmed
