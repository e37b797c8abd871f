"""A clock for tests: it stands still, and goes on when it is told to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from time import struct_time
    from types import ModuleType


class Patcher(Protocol):
    """Whatever puts things back after a test, such as pytest's `monkeypatch`."""

    def setattr(self, target: Any, name: str, value: Any) -> None:
        """Set an attribute until the end of the test."""


class FakeClock:
    """The functions of the module `time`, by a time that is the test's to say; what tells no time is the module's own.

    Every clock of `clock_gettime` but the time of day is the monotonic one.
    """

    def __init__(self, utc_s: float = 1_800_000_000.0, monotonic_s: float = 1000.0) -> None:
        self.utc_s = utc_s
        self.monotonic_s = monotonic_s
        self.slept_s: list[float] = []  # what was asked of `sleep`

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError for less than none: a monotonic clock doesn't go back."""
        if seconds < 0:
            raise ValueError("time doesn't go back; `adjust` sets the time of day")
        self.monotonic_s += seconds
        self.utc_s += seconds

    def adjust(self, seconds: float) -> None:
        """Set the time of day forward or back, as a person or a time server does; no time passes."""
        self.utc_s += seconds

    def time(self) -> float:
        """UTC seconds since 1970."""
        return self.utc_s

    def time_ns(self) -> int:
        """The same in nanoseconds."""
        return round(self.utc_s * 1e9)

    def monotonic(self) -> float:
        """Seconds since some moment before the test."""
        return self.monotonic_s

    def monotonic_ns(self) -> int:
        """The same in nanoseconds."""
        return round(self.monotonic_s * 1e9)

    perf_counter = monotonic
    perf_counter_ns = monotonic_ns

    def clock_gettime(self, clock: int) -> float:
        """The time of day for CLOCK_REALTIME."""
        return self.utc_s if clock == getattr(time, "CLOCK_REALTIME", None) else self.monotonic_s

    def gmtime(self, seconds: float | None = None) -> struct_time:
        """As the module's, now being this clock's."""
        return time.gmtime(self.utc_s if seconds is None else seconds)

    def localtime(self, seconds: float | None = None) -> struct_time:
        """As the module's, now being this clock's."""
        return time.localtime(self.utc_s if seconds is None else seconds)

    def strftime(self, form: str, moment: struct_time | None = None) -> str:
        """As the module's, now being this clock's."""
        return time.strftime(form, moment or self.localtime())

    def sleep(self, seconds: float) -> None:
        """Pass the time at once."""
        self.slept_s.append(seconds)
        self.advance(seconds)

    def replace_in(self, patcher: Patcher, *modules: ModuleType) -> None:
        """Give this clock to modules that say `import time`, and to no others: pytest's own time goes on.

        Raises AttributeError for a module that doesn't, since nothing would change in it.
        """
        for module in modules:
            if getattr(module, "time", None) is not time:
                raise AttributeError(f"{module.__name__} has no `import time`: its clock can't be replaced")
            patcher.setattr(module, "time", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
