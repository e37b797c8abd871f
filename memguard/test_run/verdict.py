"""A limit that was passed, in words, and a test's report that says so.

A verdict travels from an xdist worker to the controller as a plain dictionary: `to_plain`, `from_plain`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from memguard.core.units import format_size
from memguard.test_run.excess import Excess, ProcessSize
from memguard.test_run.interruption import MemoryLimitExceeded

# How many processes a failure names: those that matter, on one line.
_NAMED = 3
_LONGEST_NAME = 40


class Verdict(NamedTuple):
    """A limit was passed. `test` ran then, in `phase`; both are empty where none did.

    `is_run`: it is the run's limit, which counts what the tree held (`size_bytes`): the whole tree, or `is_alone` that
    of `worker`. Else it is the limit of the test's marker, which counts what the test added (`growth_bytes`).
    `is_confirmed`: shared memory counted once.
    """

    test: str
    phase: str
    is_run: bool
    size_bytes: int
    limit_bytes: int
    growth_bytes: int
    largest: tuple[ProcessSize, ...]
    is_confirmed: bool
    worker: str = ""
    is_alone: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Words, numbers, lists and dictionaries alone."""
        return {**self._asdict(), "largest": [process._asdict() for process in self.largest]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Verdict":
        """What `to_plain` gave."""
        return cls(**{**plain, "largest": tuple(ProcessSize(**process) for process in plain["largest"])})


def verdict_of(excess: Excess, test: str, phase: str, is_run: bool) -> Verdict:
    """What the watch has found, of the test that ran."""
    largest = tuple(found._replace(name=found.name[:_LONGEST_NAME]) for found in excess.largest)
    sizes = (excess.size_bytes, excess.limit_bytes, excess.growth_bytes)
    return Verdict(test, phase, is_run, *sizes, largest, excess.is_confirmed)


def headline(verdict: Verdict) -> str:
    """The figure and the limit: `the test run held 305 MB, its limit is 300 MB`."""
    size, limit = _told_apart(verdict)
    if not verdict.is_run:
        return f"this test added {size}, its limit is {limit}"
    if verdict.is_alone:
        return f"{verdict.worker} alone held {size}, the limit of the whole test run is {limit}"
    return f"the test run held {size}, its limit is {limit}"


def explained(verdict: Verdict) -> str:
    """All that a failed test's reader needs: figure, growth, processes; one line each."""
    growth = format_size(verdict.growth_bytes)
    if not verdict.is_run:
        before = format_size(verdict.size_bytes - verdict.growth_bytes)
        line = f"the process tree held {format_size(verdict.size_bytes)}, and {before} when the test began"
    elif verdict.worker and not verdict.is_alone:
        line = f"this test ran in {verdict.worker}, the worker that held the most"
    else:
        line = f"this test added {growth}; who left the rest is in the memguard section at the end"
    return "\n".join((headline(verdict), line, *_unconfirmed(verdict), *largest_of(verdict)))


def added(start_bytes: int, peak_bytes: int) -> str:
    """What the test of a worker added; only the worker knows."""
    return f"this test had added {format_size(peak_bytes - start_bytes)} to {format_size(start_bytes)} in its worker"


def largest_of(verdict: Verdict) -> list[str]:
    """The largest processes on one line; none where they are not known."""
    named = [f"{found.name} (pid {found.pid}) {format_size(found.size_bytes)}" for found in verdict.largest[:_NAMED]]
    return [f"largest processes: {', '.join(named)}"] if named else []


def blame(report: pytest.TestReport, verdict: Verdict) -> None:
    """Make a report a failure that says why. An expected failure is none: nobody expects this one."""
    if report.outcome == "rerun":  # type: ignore[comparison-overlap]  # by pytest-rerunfailures: it failed, and begins anew
        return
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    was_failed, report.outcome = report.outcome == "failed", "failed"
    if MemoryLimitExceeded.__name__ in str(report.longrepr):  # by an interruption, with the line that it hit
        return
    if was_failed:
        report.sections.append(("memguard", explained(verdict)))
    else:
        report.longrepr = f"{MemoryLimitExceeded.__name__}: {explained(verdict)}"


def _told_apart(verdict: Verdict) -> tuple[str, str]:
    """Size and limit, also where both read the same."""
    size_bytes = verdict.size_bytes if verdict.is_run else verdict.growth_bytes
    size, limit = format_size(size_bytes), format_size(verdict.limit_bytes)
    return (f"a little over {size}" if size == limit else size), limit


def _unconfirmed(verdict: Verdict) -> list[str]:
    return [] if verdict.is_confirmed else ["(memory that processes share may count more than once)"]
