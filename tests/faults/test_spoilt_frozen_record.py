"""A record of frozen processes that is torn, planted or out of date, met by the watchdog that follows a killed one."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from memguard.core.identity import ProcessId
from memguard.host.identity import identify
from memguard.host.run_state import is_stopped
from tests.sandbox import Sandbox, wait_until
from tests.unit.host.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Iterator

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def shop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()


@pytest.fixture
def held(opted_in: Sandbox) -> Sandbox:
    """A session whose turn is over."""
    opted_in.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    wait_until(opted_in.watchdog_pid, "a watchdog")
    return opted_in


def stopped(shop: Workshop) -> ProcessId:
    who = shop.ready(SLEEPER)
    os.kill(who.pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(who.pid), "a stopped process")
    return who


def replace_watchdog(sandbox: Sandbox) -> None:
    first = sandbox.watchdog_pid()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: sandbox.watchdog_pid() not in (0, first), "another watchdog")
    wait_until(lambda: len(sandbox.events("monitoring_started")) == 2, "it watches")


def test_a_pid_that_was_given_away_stays_as_its_owner_left_it(held: Sandbox, shop: Workshop) -> None:
    """Somebody stopped the new owner on purpose. What is on record with the right identity goes on."""
    theirs, ours = stopped(shop), stopped(shop)
    before = ProcessId(theirs.pid, theirs.start_ticks - 7, theirs.boot_id, theirs.pid_namespace)
    elsewhere = ProcessId(theirs.pid, theirs.start_ticks, "another-boot", theirs.pid_namespace)
    lines = [who.to_text() for who in (before, elsewhere, ours)]
    (held.guards()[0] / "frozen").write_text("\n".join(lines) + "\n")
    client = held.client_pid()
    replace_watchdog(held)
    wait_until(lambda: not is_stopped(ours.pid), "ours goes on")
    assert is_stopped(theirs.pid)
    wait_until(lambda: not (held.guards()[0] / "frozen").exists(), "the record is gone")
    assert held.client_pid() == client


@pytest.mark.parametrize(
    "data",
    [b"\n17:\n\xff\xfe\x00\x01\n1:1:1:1\n0:0:0:0\n-1:5:b:n\n17:1", b"x" * 3_000_000],
    ids=["torn lines and nobody's pids", "three megabytes"],
)
def test_what_is_no_record_is_passed_over(held: Sandbox, shop: Workshop, data: bytes) -> None:
    ours, own = stopped(shop), identify(held.client_pid())
    assert own is not None
    (held.guards()[0] / "frozen").write_bytes(f"{ours.to_text()}\n".encode() + data)
    replace_watchdog(held)
    wait_until(lambda: not is_stopped(ours.pid), "the whole line counts")
    assert identify(held.client_pid()) == own
    wait_until(lambda: len(held.guards()) == 1 and not (held.guards()[0] / "frozen").exists(), "the record is gone")


def test_a_folder_in_its_place_costs_nothing(held: Sandbox) -> None:
    (held.guards()[0] / "frozen").mkdir()
    client = held.client_pid()
    replace_watchdog(held)
    assert held.client_pid() == client
    assert not [line for line in held.log() if "died" in line]
