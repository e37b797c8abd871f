"""What is known of a run when it is over: the summary, the JSON report and junit's properties say the same of it."""

from typing import Any

from memguard.test_run.asked import Asked
from memguard.test_run.ledger import Kept, Ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.test_run.verdict import Verdict

# In a guarded session nobody asked, so only what is worth a word is said: this much kept, or this share of the limit.
_NOTABLE_BYTES = 64 * 1024 * 1024
_NOTABLE_SHARE = 0.8


class Crash:
    """An xdist worker that ended in the middle; `held_bytes` after the last test that it ended, 0 before the first.

    `test`: the one that it was running; empty as long as that isn't known.
    """

    __slots__ = ("held_bytes", "test", "worker")

    def __init__(self, worker: str, held_bytes: int) -> None:
        self.worker = worker
        self.test = ""
        self.held_bytes = held_bytes

    def to_plain(self) -> dict[str, Any]:
        """Words and numbers."""
        return {"worker": self.worker, "test": self.test, "held_bytes": self.held_bytes}


class Group:
    """The cases of one test that kept something, the most first, or a test alone: only then `name` has its case."""

    __slots__ = ("cases", "kept_bytes", "most", "name")

    def __init__(self, name: str, cases: list[Kept]) -> None:
        self.name = name if len(cases) > 1 else cases[0].test
        self.kept_bytes = sum(case.kept_bytes for case in cases)
        self.cases = len(cases)
        self.most = cases[0]


class Account:
    """`stopped`: the run's limit was passed. `over`: tests that passed their own. `peak_bytes`: of the whole tree."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.ledger = Ledger()
        self.over: list[Verdict] = []
        self.stopped: Verdict | None = None
        self.crashes: list[Crash] = []
        self.peak_bytes = 0

    def see(self, size_bytes: int) -> None:
        """The tree was seen to hold this much."""
        self.peak_bytes = max(self.peak_bytes, size_bytes)

    def add_verdict(self, verdict: "Verdict") -> None:
        """A limit was passed. What a worker says of the run's limit completes what the controller knows."""
        self.see(verdict.size_bytes)
        known = self.stopped
        if not verdict.is_run:
            self.over.append(verdict)
        elif known is None:
            self.stopped = verdict
        elif not known.test:
            fields = ("test", "phase", "worker", "growth_bytes")
            self.stopped = known._replace(**{field: getattr(verdict, field) for field in fields})

    def name_worker(self, worker: str) -> None:
        """The run is stopped, and this worker is the largest."""
        if self.stopped and not self.stopped.worker:
            self.stopped = self.stopped._replace(worker=worker)

    def add_crash(self, worker: str) -> None:
        """A worker is gone."""
        last = self.ledger.last(worker)
        self.crashes.append(Crash(worker, last.end_bytes if last else 0))

    def name_crash(self, worker: str, test: str) -> Crash | None:
        """It was running this test."""
        for crash in self.crashes:
            if crash.worker == worker:
                crash.test = test
                return crash
        return None

    def groups(self) -> list[Group]:
        """Who grew and never gave it back, the cases of one test together, the most first."""
        found: dict[str, list[Kept]] = {}
        for kept in self.ledger.kept():
            found.setdefault(_without_case(kept.test), []).append(kept)
        groups = [Group(name, cases) for name, cases in found.items()]
        return sorted(groups, key=lambda group: -group.kept_bytes)

    def is_notable(self) -> bool:
        """Whether it is worth a word that nobody asked for."""
        if self.stopped or self.over or self.crashes:
            return True
        limit_bytes = self.asked.limit_bytes
        if limit_bytes and self.peak_bytes >= _NOTABLE_SHARE * limit_bytes:
            return True
        return any(group.kept_bytes >= _NOTABLE_BYTES for group in self.groups())


def _without_case(test: str) -> str:
    """`a[1].py::test_b[2]` is a case of `a[1].py::test_b`."""
    path, colons, name = test.partition("::")
    return f"{path}{colons}{name.partition('[')[0]}"
