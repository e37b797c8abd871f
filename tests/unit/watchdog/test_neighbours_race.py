"""Many watchdogs that race, some of them killed or stopped in the middle: never two victims at a time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from memguard.core.identity import ProcessId
from memguard.core.layout import CLIENT, private_dir, read_pairs
from memguard.host import signals
from tests.sandbox import ROOT, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUARDS = 6
ENOUGH_RESTARTS = 10
# On a busy host, ten restarts of a second each may take a while.
PATIENCE_S = 150.0


class Race:
    def __init__(self, runtime: str, seed: int) -> None:
        self.runtime = runtime
        self.seed = seed
        self.running = {f"guard{number}": self.start(f"guard{number}") for number in range(GUARDS)}

    def start(self, guard_id: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.unit.watchdog.racing_guard", self.runtime, guard_id, str(self.seed)]
        with open(f"{self.runtime}/errors", "ab") as errors:
            return subprocess.Popen(command, cwd=ROOT, stderr=errors)

    def replace(self, guard_id: str) -> None:
        """Kill a watchdog wherever it is, and start its successor."""
        self.running[guard_id].kill()
        self.running[guard_id].wait()
        self.running[guard_id] = self.start(guard_id)

    def stop_a_while(self, guard_id: str, seconds: float) -> None:
        self.running[guard_id].send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.running[guard_id].send_signal(signal.SIGCONT)

    def noted(self, what: str) -> list[str]:
        path = f"{self.runtime}/{what}"
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()

    def died(self) -> list[str]:
        is_dead = any(process.poll() is not None for process in self.running.values())
        return self.noted("errors") if is_dead else []

    def end(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
        for guard_id in self.running:
            client = read_pairs(f"{self.runtime}/guards/{guard_id}/{CLIENT}").get("id", "")
            if client:
                signals.send(ProcessId.from_text(client), signal.SIGKILL)


@pytest.fixture
def race(tmp_path: Path) -> Iterator[Race]:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    race = Race(private_dir(str(tmp_path / "runtime")), seed)
    yield race
    race.end()


def test_one_victim_at_a_time_whoever_is_killed_or_stopped(race: Race) -> None:
    chance = random.Random(race.seed)
    deadline_s = time.monotonic() + PATIENCE_S
    while len(race.noted("restarts")) < ENOUGH_RESTARTS:
        assert time.monotonic() < deadline_s, f"{len(race.noted('restarts'))} restarts: the claim doesn't pass on"
        assert not race.died()
        guard_id = chance.choice(sorted(race.running))
        if chance.random() < 0.5:
            race.replace(guard_id)
        else:
            race.stop_a_while(guard_id, chance.uniform(0.01, 0.2))
        time.sleep(chance.uniform(0, 0.4))
    assert race.noted("violations") == []
    restarted = {line.split()[1] for line in race.noted("restarts")}
    assert len(restarted) > 1  # not always the same one


def test_without_disturbance_the_claim_goes_round(race: Race) -> None:
    wait_until(lambda: len(race.noted("restarts")) >= ENOUGH_RESTARTS, "enough restarts", PATIENCE_S)
    assert race.noted("violations") == []
    assert not race.died()
