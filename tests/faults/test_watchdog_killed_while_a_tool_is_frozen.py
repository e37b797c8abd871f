"""A watchdog without a launcher is killed while it has stopped a tool: the client waits for that very call for ever.

No hook of that session comes, so whoever else looks lets it go on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.layout import CLIENT, GUARD, WATCHDOG, client_record, write_pairs
from memguard.core.lock import FileLock, is_held
from memguard.host.dead_guards import collect, thaw_unwatched
from memguard.host.identity import identify
from memguard.host.run_state import is_stopped
from memguard.host.signals import send
from memguard.watchdog.frozen import FrozenRecord
from tests.sandbox import Sandbox, wait_until
from tests.unit.host.workshop import Workshop
from tests.unit.watchdog.several import HostOfSessions

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
HOLD = ("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")


@pytest.fixture
def shop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()


def _stopped(shop: Workshop) -> ProcessId:
    who = shop.ready(SLEEPER)
    os.kill(who.pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(who.pid), "a stopped tool")
    return who


def _plain_guard(runtime: Path, client: ProcessId, tool: ProcessId) -> Path:
    """A guard whose client lives, and which has the tool on record as stopped."""
    folder = runtime / "guards" / "plain"
    for path in (folder, runtime / "clients"):
        path.mkdir(parents=True, mode=0o700)
    write_pairs(str(folder / GUARD), {"kind": "plain", "launcher": ""})
    write_pairs(str(folder / CLIENT), {"id": client.to_text(), "generation": 0})
    write_pairs(client_record(str(runtime), client.pid), {"id": client.to_text(), "guard": "plain"})
    FrozenRecord(str(folder)).add([tool])
    return folder


@pytest.mark.parametrize("look", [collect, thaw_unwatched], ids=["at a session's start, run, reap", "doctor"])
def test_whoever_looks_lets_it_go_on_but_not_under_a_watchdog_that_lives(
    tmp_path: Path, shop: Workshop, look: Callable[[str], object]
) -> None:
    tool, client = _stopped(shop), shop.ready(SLEEPER)
    folder = _plain_guard(tmp_path, client, tool)
    with FileLock(str(folder / WATCHDOG)):
        look(str(tmp_path))
        assert is_stopped(tool.pid)
        assert (folder / "frozen").exists()
    look(str(tmp_path))
    wait_until(lambda: not is_stopped(tool.pid), "it goes on")
    assert not (folder / "frozen").exists()
    assert (folder / GUARD).exists(), "its client lives: the guard stays"


@pytest.mark.parametrize("is_elsewhere", [True, False], ids=["of another pid namespace", "that is dead"])
def test_what_belongs_to_a_client_that_does_not_live_here_stays_on_record(
    tmp_path: Path, shop: Workshop, is_elsewhere: bool
) -> None:
    """What runs in a container can't be let go on from here; what a dead client left is an orphan by that record."""
    tool, client = _stopped(shop), shop.ready(SLEEPER)
    namespace = "4026530000" if is_elsewhere else client.pid_namespace
    other = ProcessId(client.pid, client.start_ticks - (not is_elsewhere), client.boot_id, namespace)
    folder = _plain_guard(tmp_path, other, tool)
    assert thaw_unwatched(str(tmp_path)) == []
    assert (folder / "frozen").exists()
    assert is_stopped(tool.pid)


def test_a_folder_in_the_records_place_costs_nothing(tmp_path: Path, shop: Workshop) -> None:
    tool, client = _stopped(shop), shop.ready(SLEEPER)
    folder = _plain_guard(tmp_path, client, tool)
    (folder / "frozen").unlink()
    (folder / "frozen").mkdir()
    assert thaw_unwatched(str(tmp_path)) == []
    assert thaw_unwatched(str(tmp_path / "none")) == []


def test_another_sessions_watchdog_lets_it_go_on(
    tmp_path: Path, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the sessions have no budget in common."""
    host = HostOfSessions(tmp_path, monkeypatch)
    host.budget_mb = 0
    try:
        one, other = host.guard("one", 100), host.guard("other", 100)
        tool = _stopped(shop)
        write_pairs(f"{one.folder}/{CLIENT}", {"id": one.client.to_text(), "generation": 0})
        FrozenRecord(one.folder).add([tool])
        other.agree()
        assert is_stopped(tool.pid), "its own watchdog lives"
        one.lock.release()
        host.pass_time(6)
        other.agree()
        wait_until(lambda: not is_stopped(tool.pid), "it goes on")
        assert "part_thawed" in other.events()
    finally:
        host.clean_up()


def test_doctor_lets_it_go_on_and_says_so(opted_in: Sandbox, shop: Workshop) -> None:
    client = subprocess.Popen(
        [opted_in.leaky_client(), *HOLD], cwd=opted_in.project, env=opted_in.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
        (guard,) = opted_in.guards()
        _end_watchdogs(opted_in, guard)
        tool = _stopped(shop)
        FrozenRecord(str(guard)).add([tool])
        command = [sys.executable, "-m", "memguard.cli", "doctor", "--json"]
        done = subprocess.run(
            command, cwd=opted_in.project, env=opted_in.environment, capture_output=True, text=True, check=False
        )
        (check,) = (check for check in json.loads(done.stdout) if check["name"] == "guards")
        assert check["what"].endswith("what a killed one had stopped goes on again")
        wait_until(lambda: not is_stopped(tool.pid), "it goes on")
    finally:
        client.terminate()
        client.wait(20)


def _end_watchdogs(sandbox: Sandbox, guard: Path) -> None:
    """Also one that a hook has started beside the first, and that still waits for the lock."""
    free_since_s = time.monotonic()
    while time.monotonic() - free_since_s < 1.5:
        if is_held(str(guard / WATCHDOG)):
            who = identify(sandbox.watchdog_pid())
            if who and who.pid > 1:
                send(who, signal.SIGKILL)
            free_since_s = time.monotonic()
        time.sleep(0.05)
