"""Captures that hooks start: one at a time, never lost for long, never in the way."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memguard.core.lock import FileLock
from memguard.core.log import append_log
from memguard.state.lock import LOCK
from memguard.state.store import Store
from tests.sandbox import Sandbox, wait_until
from tests.worker_log import WorkerLog

from .hooked_client import HookedClient

# The client cuts a hook off after this, as `memguard init` has asked it to.
HOOK_TIMEOUT_S = 10


@pytest.fixture
def client(opted_in: Sandbox) -> Iterator[HookedClient]:
    with HookedClient(opted_in) as client:
        yield client


def test_fifty_stops_at_once_start_two_workers_at_most(client: HookedClient) -> None:
    workers = WorkerLog(client.box)
    client.transcript.fill(2_000_000)
    took_s = client.turn("the last line", hooks=50)
    newest = client.snapshots(1)[0]
    print(f"{len(workers.captures())} workers; the slowest of 50 hooks took {max(took_s):.2f} s")  # noqa: T201
    assert len(workers.captures()) in (1, 2)
    assert client.held_by(newest) == client.transcript.path.read_bytes()
    assert client.box.log() == []


def test_each_turn_is_in_the_snapshot_after_its_stop(client: HookedClient) -> None:
    """The client writes it down after the hook has gone: the real one up to a second later."""
    for number in (1, 2, 3):
        client.turn(f"answer {number}", late_s=1 if number == 1 else 0.2)
        newest = client.snapshots(number)[0]
        assert client.store.about(newest)["reason"] == "end of turn"
        assert f"answer {number}".encode() in client.held_by(newest).splitlines()[-2]


def test_while_one_worker_reads_one_more_waits_and_no_other_is_started(client: HookedClient) -> None:
    """The store is held, as by a capture that takes long."""
    workers = WorkerLog(client.box)
    client.turn("first")
    client.snapshots(1)
    with FileLock(f"{client.store.project_dir}/{LOCK}"):
        for number in range(5):
            client.turn(f"turn {number}", hooks=2)
        wait_until(client.worker_pid, "the worker that waits")
        assert len(workers.captures()) == 2
        assert client.mark.exists()
    newest = client.snapshots(2)[0]
    assert not client.mark.exists()
    assert b"turn 4" in client.held_by(newest)
    client.turn("last")
    assert b"last" in client.held_by(client.snapshots(3)[0])
    assert len(workers.captures()) == 3


def test_after_a_worker_was_killed_the_next_stop_captures_again(client: HookedClient) -> None:
    client.transcript.prompt("a turn whose end the client never writes down")
    client.fire("stop")
    pid = wait_until(client.worker_pid, "the worker, which waits for that")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not client.workers(), "its end")
    assert client.mark.exists()
    client.turn("the next one")
    assert b"the next one" in client.held_by(client.snapshots(1)[0])
    assert not client.mark.exists()


def test_a_worker_that_was_stopped_does_not_hold_up_the_session(client: HookedClient) -> None:
    client.transcript.prompt("hello")
    client.fire("stop")
    pid = wait_until(client.worker_pid, "the worker")
    os.kill(pid, signal.SIGSTOP)
    lines = client.mark.read_text().splitlines()
    begun_s = float(lines[0].partition("=")[2])
    client.mark.write_text("\n".join([f"begun={begun_s - 61:014.3f}", *lines[1:], ""]))  # as if a minute had passed
    client.turn("the next one")
    wait_until(client.store.ids, f"a snapshot; {client.box.log()}", 60)
    assert b"the next one" in client.held_by(client.store.ids()[0])


def test_events_of_any_kind_share_one_worker_and_the_turn_among_them_is_waited_for(client: HookedClient) -> None:
    workers = WorkerLog(client.box)
    with FileLock(_made_lock(client.box)):
        client.fire("session_start")
        client.turn("an answer")
        client.fire("pre_compact")
        wait_until(client.worker_pid, "the one worker")
    newest = client.snapshots(1)[0]
    assert b"an answer" in client.held_by(newest)
    assert workers.reasons() == ["session start"]


def _made_lock(box: Sandbox) -> str:
    """The store's lock before the first capture has made it."""
    return f"{box.state_folder}/{LOCK}"


def test_a_restart_at_the_emergency_limit_is_captured_once(sandbox: Sandbox) -> None:
    """What crossing the limit would have captured, and a hook's capture, would only take memory and time beside it."""
    sandbox.config("[thresholds]\nwarning = 90\ncritical = 100\nemergency = 110\n")
    sandbox.memguard("init")
    client = sandbox.start("--steps", "1", "--leak-mb", "250", "--step-s", "2", "count")
    wait_until(lambda: sandbox.events("restart_initiated"), f"the restart; {sandbox.events()}", 40)
    client.communicate(timeout=60)
    store = Store(str(sandbox.state), sandbox.state_folder.name)
    reasons = [store.about(name)["reason"] for name in store.ids()]
    assert reasons.count("footprint over the emergency limit") == 1
    assert "footprint at EMERGENCY" not in reasons


Mount = Callable[[Path], None]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Gives a folder a small disk of its own, with what is in it."""
    mounted: list[Path] = []

    def mount(folder: Path) -> None:
        kept = tmp_path / "kept"
        subprocess.run(["cp", "-a", f"{folder}/.", str(kept)], check=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "memguard-test", str(folder)]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting is not permitted here")
        mounted.append(folder)
        subprocess.run(["cp", "-a", f"{kept}/.", str(folder)], check=True)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(folder: Path) -> Path:
    """A file that leaves no room, not for a byte; its path."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for block_bytes in (65536, 1):
            with pytest.raises(OSError, match="No space"):
                _write_for_ever(file.fileno(), b"x" * block_bytes)
    return path


def _write_for_ever(descriptor: int, data: bytes) -> None:
    while True:
        os.write(descriptor, data)


@pytest.mark.parametrize("full", ["the project's folder", "the whole state"])
def test_a_full_disk_costs_a_stop_no_time_and_the_old_snapshot_nothing(
    client: HookedClient, mount: Mount, full: str
) -> None:
    box = client.box
    folder = box.state_folder if full == "the project's folder" else box.state
    mount(folder)
    client.turn("before")
    (old,) = client.snapshots(1)
    append_log(str(box.state), "a line, so that there is a log, with room in its last block")
    filler = _fill(folder)
    (took_s,) = client.turn("meanwhile")
    assert took_s < HOOK_TIMEOUT_S
    log = wait_until(lambda: [line for line in box.log() if "capture: " in line], f"why; {box.log()}", 30)
    wait_until(lambda: not client.workers(), "the worker's end")
    assert "No space left on device" in log[0]
    assert client.store.ids() == [old]
    assert b"before" in client.held_by(old)
    filler.unlink()
    client.turn("after")
    newest = client.snapshots(2)[0]
    assert b"meanwhile" in client.held_by(newest)
    assert b"after" in client.held_by(newest)
