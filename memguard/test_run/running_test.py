"""The test that runs: where it began, how far it went, and what it left."""

from memguard.test_run.excess import Excess
from memguard.test_run.meter import Reading


class TestMemory:
    """What the tree held when a test began and when it ended, and the most in between; `excess` of its own limit."""

    __slots__ = ("end_bytes", "excess", "name", "peak_bytes", "start_bytes")
    __test__ = False  # pytest takes a class of such a name for tests

    def __init__(
        self, name: str, start_bytes: int, end_bytes: int, peak_bytes: int, excess: Excess | None = None
    ) -> None:
        self.name = name
        self.start_bytes = start_bytes
        self.end_bytes = end_bytes
        self.peak_bytes = peak_bytes
        self.excess = excess


class RunningTest:
    """One after the other. `over` is a reading over a limit that isn't confirmed yet.

    `is_held`: it can't end without the watch's lock, since the thread has found something in it.
    """

    __slots__ = ("excess", "is_held", "limit_bytes", "name", "over", "peak_bytes", "start")

    def __init__(self, start: Reading, name: str = "", limit_bytes: int = 0) -> None:
        self.name = name
        self.limit_bytes = limit_bytes
        self.start = start
        self.peak_bytes = start.size_bytes
        self.excess: Excess | None = None
        self.over: Reading | None = None
        self.is_held = False

    def growth_bytes(self, size_bytes: int) -> int:
        """How much more that is than when it began."""
        return size_bytes - self.start.size_bytes

    def memory(self, end_bytes: int) -> TestMemory:
        """What there is to be told of it."""
        return TestMemory(self.name, self.start.size_bytes, end_bytes, max(self.peak_bytes, end_bytes), self.excess)
