"""A host's clock that a test sets: UTC and uptime apart, so that one can jump without the other."""

from __future__ import annotations

from memguard.guard.moment import Moment


class HostClock:
    """Gives moments. `passes` is time; `jump` is somebody who sets the clock; `reboot` begins uptime anew."""

    def __init__(self) -> None:
        self.true_s = 0.0  # what no test of the code may see
        self.utc_s = 1_000_000.0
        self.uptime_s = 5_000.0
        self.boots = 0

    def __call__(self) -> Moment:
        return Moment(self.utc_s, f"boot-{self.boots}", self.uptime_s)

    def passes(self, seconds: float) -> None:
        self.true_s += seconds
        self.utc_s += seconds
        self.uptime_s += seconds

    def jump(self, seconds: float) -> None:
        self.utc_s += seconds

    def reboot(self, down_s: float) -> None:
        self.passes(down_s)
        self.boots += 1
        self.uptime_s = 1.0
