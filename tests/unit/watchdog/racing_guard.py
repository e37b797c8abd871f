"""One of several watchdogs that race for the claim, as a process: `racing_guard RUNTIME GUARD_ID SEED`.

It grows, is idle or busy by chance, restarts its client when it is the victim, and may be killed at any moment and
started again. Real are folders, locks, client processes and times; the clients' sizes are made up.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

from memguard.core.identity import ProcessId
from memguard.core.layout import CLIENT, TICKET, WATCHDOG, private_dir, read_pairs, remove, write_pairs
from memguard.core.lock import FileLock
from memguard.core.reading import ProcessReading, TreeReading
from memguard.guard.victim import Candidate
from memguard.host import confirm, current, identity, signals
from memguard.watchdog import host_choice, neighbours
from memguard.watchdog.journal import Journal
from memguard.watchdog.neighbour_file import Neighbour

from .several import MB, settings

BUDGET_MB = 1500


class RacingGuard:
    def __init__(self, runtime: str, guard_id: str, seed: str) -> None:
        self.runtime = runtime
        self.guard_id = guard_id
        self.chance = random.Random(f"{seed} {guard_id} {os.getpid()}")
        self.folder = private_dir(f"{runtime}/guards/{guard_id}")
        self.view = neighbours.Neighbours(self.folder, Journal(self.folder, runtime, guard_id))
        self.lock = FileLock(f"{self.folder}/{WATCHDOG}")
        self.acting = FileLock(f"{runtime}/acting")  # the test's own: who is between its first signal and settling
        self.is_acting = False
        self.is_starting = False
        self.settles_s = 0.0
        self.generation = 0
        self.client: ProcessId

    def run(self) -> None:
        while not self.lock.acquire(blocking=False):
            time.sleep(0.005)
        self._take_up()
        while True:
            self._settle()
            self._set_size(min(900, self._size_mb() + self.chance.randrange(60)))
            if self._look():
                self._restart()
            time.sleep(self.chance.uniform(0.002, 0.02))

    def _settle(self) -> None:
        """The test's own lock is given back before the others are told."""
        if self.is_starting and time.monotonic() >= self.settles_s:
            self.acting.release()
            self.is_acting = self.is_starting = False

    def _take_up(self) -> None:
        """Another watchdog of this guard may have died anywhere."""
        record = read_pairs(f"{self.folder}/{CLIENT}")
        if record:
            self.client, self.generation = ProcessId.from_text(record["id"]), int(record["generation"])
        if os.path.exists(f"{self.folder}/{TICKET}"):
            self._carry_out()
        elif not record or not identity.is_alive(self.client):
            self._start_client()

    def _look(self) -> bool:
        candidate = Candidate(self.guard_id, self._size_mb() * MB)
        candidate.is_idle = self.chance.random() < 0.7
        candidate.is_starting = self.is_starting
        own = Neighbour(candidate, self.client, self.generation)
        self.view.publish(own)
        return self.view.agree(own, settings(BUDGET_MB))

    def _restart(self) -> None:
        """A capture that may take its time, another look, the ticket, the end."""
        time.sleep(self.chance.choice((0, 0, 0.05)))
        if self._look():
            self._note_acting()
            write_pairs(f"{self.folder}/{TICKET}", {"ticket": self.generation})
            time.sleep(self.chance.uniform(0, 0.05))
            self._carry_out()

    def _carry_out(self) -> None:
        if not self.is_acting:
            self._note_acting()
        signals.send(self.client, signal.SIGKILL)
        self.is_starting, self.settles_s = True, time.monotonic() + self.chance.uniform(0.05, 0.3)
        self.generation += 1
        self._start_client()
        remove(f"{self.folder}/{TICKET}")
        self._note("restarts")

    def _note_acting(self) -> None:
        self.is_acting = self.acting.acquire(blocking=False)
        if not self.is_acting:
            self._note("violations")

    def _start_client(self) -> None:
        pid = subprocess.Popen(["sleep", "60"], start_new_session=True).pid
        client = identity.identify(pid)
        assert client
        self.client = client
        self._set_size(150)
        write_pairs(f"{self.folder}/{CLIENT}", {"id": client.to_text(), "generation": self.generation})

    def _note(self, what: str) -> None:
        with open(f"{self.runtime}/{what}", "a", encoding="utf-8") as file:
            file.write(f"{time.monotonic():.3f} {self.guard_id} {self.generation}\n")

    def _set_size(self, size_mb: int) -> None:
        write_pairs(_size_path(self.runtime, self.client.pid), {"mb": size_mb})

    def _size_mb(self) -> int:
        return _size_mb(self.runtime, self.client.pid)


def _size_path(runtime: str, pid: int) -> str:
    return f"{runtime}/size-{pid}"


def _size_mb(runtime: str, pid: int) -> int:
    return int(read_pairs(_size_path(runtime, pid)).get("mb", "0"))


def main(runtime: str, guard_id: str, seed: str) -> None:
    chance = random.Random(f"{seed} {os.getpid()}")

    def read_tree(pid: int) -> TreeReading:
        time.sleep(chance.choice((0, 0, 0, 0, 0.1)))  # a large tree, a busy host: time for others to come in between
        ticks = current.start_ticks(pid)
        return TreeReading([ProcessReading(pid, 1, ticks, _size_mb(runtime, pid) * MB)] if ticks else [])

    def confirmed_bytes(tree: TreeReading) -> int:
        return tree.footprint_bytes

    current.read_tree = read_tree  # type: ignore[assignment]
    confirm.confirmed_bytes = confirmed_bytes  # type: ignore[assignment]
    host_choice._NOBODY_S = 0.1
    RacingGuard(runtime, guard_id, seed).run()


if __name__ == "__main__":
    main(*sys.argv[1:4])
