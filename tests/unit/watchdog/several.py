"""Several guards on one host: real folders, locks and client processes; only the clients' sizes are made up."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from memguard.core.layout import GUARD, WATCHDOG, client_record, private_dir, write_pairs
from memguard.core.lock import FileLock
from memguard.core.reading import Pressure, ProcessReading, TreeReading
from memguard.core.settings import Settings
from memguard.guard.victim import Candidate
from memguard.host import confirm, current, identity
from memguard.watchdog import neighbours
from memguard.watchdog.journal import Journal
from memguard.watchdog.neighbour_file import Neighbour
from memguard.watchdog.neighbours import Neighbours

from ..guard.limits import PAIRS  # noqa: TID252  the default policy

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

MB = 1024 * 1024
_REST = {"project": "/p", "runtime": "/r", "python": "/py", "mode": "guard"}
_LIMITS = {"warning_bytes": "1000", "critical_bytes": "2000", "emergency_bytes": "3000"}
_TIMES = {f"{name}_interval_s": "30" for name in ("normal", "warning", "critical", "emergency")}


def settings(budget_mb: int) -> Settings:
    """The default policy with a budget for the host."""
    return Settings(PAIRS | _REST | _LIMITS | _TIMES | {"host_budget_bytes": str(budget_mb * MB)})


class HostOfSessions:
    """A runtime folder with guards in it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runtime = private_dir(str(folder / "runtime"))
        self.state = private_dir(str(folder / "state"))
        self.budget_mb = 1000
        self.is_short = False
        self.pressures: list[Pressure | None] = []  # that were handed over, None for "read it yourself"
        self.guards: list[Guard] = []
        self.pss_share = 1.0
        monkeypatch.setattr(current, "read_tree", self._read_tree)
        monkeypatch.setattr(confirm, "confirmed_bytes", self._confirmed_bytes)
        monkeypatch.setattr(neighbours, "Gauge", lambda: _Gauge(self))
        self._monkeypatch = monkeypatch

    def guard(self, guard_id: str, size_mb: int, **known: object) -> Guard:
        """A new guard with a living client and a watchdog."""
        guard = Guard(self, guard_id, size_mb, known)
        self.guards.append(guard)
        return guard

    def pass_time(self, seconds: float) -> None:
        """Let the monotonic clock of the agreement be later, for all guards."""
        now_s = time.monotonic  # the one before, which may be moved already
        self._monkeypatch.setattr(time, "monotonic", lambda: now_s() + seconds)

    def clean_up(self) -> None:
        """End the clients."""
        for guard in self.guards:
            guard.end()

    def _read_tree(self, pid: int) -> TreeReading:
        for guard in self.guards:
            if guard.client.pid == pid:
                return TreeReading([ProcessReading(pid, 1, guard.client.start_ticks, guard.size_mb * MB)])
        return TreeReading([])

    def _confirmed_bytes(self, tree: TreeReading) -> int:
        return int(tree.footprint_bytes * self.pss_share)


class _Gauge:
    def __init__(self, host: HostOfSessions) -> None:
        self._host = host

    def is_short(self, pressure: Pressure | None = None) -> bool:
        self._host.pressures.append(pressure)
        return self._host.is_short


class Guard:
    """One watchdog's view, with its journal's events."""

    def __init__(self, host: HostOfSessions, guard_id: str, size_mb: int, known: dict[str, object]) -> None:
        self.host = host
        self.guard_id = guard_id
        self.size_mb = size_mb
        self.known = {"is_idle": True} | known
        self.generation = 0
        self.folder = private_dir(f"{host.runtime}/guards/{guard_id}")
        write_pairs(f"{self.folder}/{GUARD}", {"kind": "launcher"})
        self.lock = FileLock(f"{self.folder}/{WATCHDOG}")
        assert self.lock.acquire(blocking=False)
        self.journal = Journal(self.folder, host.state, guard_id)
        private_dir(f"{host.state}/{guard_id}")
        self.view = Neighbours(self.folder, self.journal)
        self.process: subprocess.Popen[bytes] | None = None
        self.start_client()

    def start_client(self) -> None:
        """A client process, and its record in the registry."""
        self.process = subprocess.Popen(["sleep", "600"], start_new_session=True)  # without our terminal
        client = identity.identify(self.process.pid)
        assert client
        self.client = client
        private_dir(f"{self.host.runtime}/clients")
        record: dict[str, object] = {"id": client.to_text(), "guard": self.guard_id}
        write_pairs(client_record(self.host.runtime, client.pid), record)

    def neighbour(self) -> Neighbour:
        candidate = Candidate(self.guard_id, self.size_mb * MB)
        for name, value in self.known.items():
            setattr(candidate, name, value)
        return Neighbour(candidate, self.client, self.generation)

    def publish(self) -> None:
        self.view.publish(self.neighbour())

    def agree(self) -> bool:
        return self.view.agree(self.neighbour(), settings(self.host.budget_mb))

    def look(self) -> bool:
        """As its watchdog does, twice: a victim that chose itself takes its claim up at the next look."""
        self.publish()
        self.agree()
        return self.agree()

    def restart(self, size_mb: int) -> None:
        """Its client is ended and comes back, reading its conversation."""
        self.end_client()
        self.start_client()
        self.generation += 1
        self.size_mb = size_mb
        self.known["is_starting"] = True

    def settle(self) -> None:
        self.known["is_starting"] = False

    def end_client(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def end(self) -> None:
        self.end_client()
        self.lock.release()

    def logged(self) -> list[str]:
        """The lines of memguard's log."""
        path = f"{self.host.state}/memguard.log"
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()

    def events(self) -> str:
        path = f"{self.host.state}/{self.guard_id}/events.jsonl"
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()
