"""Several guards agree on one victim: who is chosen, for how long, and when the claim passes on."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from memguard.core.layout import NEIGHBOUR, TICKET, VICTIM, WAKE, read_pairs
from memguard.core.reading import Pressure, ProcessReading, TreeReading
from memguard.host import current, identity
from memguard.watchdog.host_claim import BEGIN_S, CLAIM_S, TAKE_UP_S
from memguard.watchdog.neighbour_file import read_neighbour
from memguard.watchdog.nesting import GuardedClients, guarded_clients, is_inside, outside_bytes, own_processes

from .several import MB, Guard, HostOfSessions, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostOfSessions]:
    host = HostOfSessions(tmp_path, monkeypatch)
    yield host
    host.clean_up()


def _three(host: HostOfSessions) -> tuple[Guard, Guard, Guard]:
    """Two busy sessions and a smaller idle one, 1,200 MB together."""
    busy = host.guard("busy1", 450, is_idle=False), host.guard("busy2", 400, is_idle=False)
    idle = host.guard("idle", 350)
    for guard in host.guards:
        guard.publish()
    return *busy, idle


def _claim(host: HostOfSessions) -> dict[str, str]:
    return read_pairs(f"{host.runtime}/{VICTIM}")


def _victims(host: HostOfSessions) -> list[str]:
    """Who is it, once all have looked often enough for a claim to be given back, taken, and taken up."""
    for guard in host.guards:
        guard.publish()
    for guard in host.guards * 2:
        guard.agree()
    return [guard.guard_id for guard in host.guards if guard.agree()]


def test_under_the_budget_nobody_is_chosen_and_nothing_is_written(host: HostOfSessions) -> None:
    host.budget_mb = 1300
    _three(host)
    assert _victims(host) == []
    assert not os.path.exists(f"{host.runtime}/{VICTIM}")


def test_without_a_budget_the_rule_is_off(host: HostOfSessions) -> None:
    host.budget_mb, host.is_short = 0, True
    _three(host)
    assert _victims(host) == []
    assert not os.path.exists(f"{host.runtime}/{VICTIM}")


def test_over_the_budget_all_agree_on_the_idle_one(host: HostOfSessions) -> None:
    _, _, idle = _three(host)
    assert _victims(host) == ["idle"]
    assert "hold 1.2 GB of 1.0 GB together" in idle.view.reason
    assert {guard.view.standing for guard in host.guards} == {"idle"}


def test_on_a_host_that_is_short_one_is_chosen_below_the_budget(host: HostOfSessions) -> None:
    host.budget_mb, host.is_short = 9000, True
    _, _, idle = _three(host)
    assert _victims(host) == ["idle"]
    assert "the host is short of memory" in idle.view.reason


def test_a_pressure_that_was_just_read_is_not_read_again(host: HostOfSessions) -> None:
    guard, just_read = host.guard("one", 100), Pressure()
    guard.view.agree(guard.neighbour(), settings(1000), just_read)
    guard.view.agree(guard.neighbour(), settings(1000))
    assert host.pressures == [just_read, None]


def test_how_much_they_may_still_gain_together(host: HostOfSessions) -> None:
    guard = host.guard("one", 3000)

    def headroom_mb(budget_mb: int) -> float:
        host.budget_mb = budget_mb
        guard.agree()
        return guard.view.headroom_bytes / MB

    assert headroom_mb(0) == float("inf")
    assert headroom_mb(5000) == 2000
    assert headroom_mb(3001) == 512  # others are heard five times a second, so that closer looks tell nothing
    assert headroom_mb(2999) == float("inf")  # what was agreed stands; looking at it all the time changes nothing


def test_the_victim_is_woken(host: HostOfSessions) -> None:
    busy, _, idle = _three(host)
    os.mkfifo(f"{idle.folder}/{WAKE}")
    fifo = os.open(f"{idle.folder}/{WAKE}", os.O_RDWR | os.O_NONBLOCK)
    busy.agree()
    assert os.read(fifo, 10) == b"."
    os.close(fifo)


def test_no_second_victim_until_the_first_was_restarted_and_has_settled(host: HostOfSessions) -> None:
    host.budget_mb = 500
    _, _, idle = _three(host)
    assert _victims(host) == ["idle"]
    idle.restart(size_mb=300)  # the peak of its resume
    assert _victims(host) == []
    idle.size_mb = 140
    idle.settle()
    idle.known["resumed_bytes"] = 140 * MB
    assert _victims(host) == ["busy1"]  # still over: now a busy one, the largest


def test_a_total_that_fell_below_the_budget_ends_it(host: HostOfSessions) -> None:
    _, _, idle = _three(host)
    assert _victims(host) == ["idle"]
    idle.restart(size_mb=140)
    idle.settle()
    assert _victims(host) == []
    assert _claim(host)["guard"] == ""


def test_a_victim_gives_the_claim_back_when_the_others_gave_memory_back(host: HostOfSessions) -> None:
    busy, _, _ = _three(host)
    assert _victims(host) == ["idle"]
    busy.size_mb = 100
    assert _victims(host) == []


def test_a_victim_that_became_busy_gives_way_to_an_idle_one(host: HostOfSessions) -> None:
    _, other, idle = _three(host)
    assert _victims(host) == ["idle"]
    idle.known["is_idle"] = False
    assert _victims(host) == ["idle"]  # nobody is idle now, so that it remains
    other.known["is_idle"] = True
    host.pass_time(11)
    assert _victims(host) == ["busy2"]


@pytest.mark.parametrize("hindrance", ["is_paused", "is_spent"])
def test_a_victim_that_may_not_act_loses_the_claim(host: HostOfSessions, hindrance: str) -> None:
    _, _, idle = _three(host)
    assert _victims(host) == ["idle"]
    idle.known[hindrance] = True
    assert _victims(host) == ["busy1"]


def test_a_victim_that_does_not_take_its_claim_up_loses_it(host: HostOfSessions) -> None:
    """Its watchdog is stopped: it holds its lock, and looks no more."""
    busy, other, idle = _three(host)
    busy.agree()
    assert _claim(host)["guard"] == "idle"
    host.pass_time(TAKE_UP_S - 2)
    assert [busy.agree(), other.agree()] == [False, False]
    assert _claim(host)["guard"] == "idle"
    host.pass_time(4)
    busy.look()
    assert _claim(host)["guard"] == "busy1"
    assert not idle.agree()  # when it goes on, it isn't its turn any more


def test_a_victim_whose_watchdog_died_loses_the_claim_unless_its_ticket_is_out(host: HostOfSessions) -> None:
    host.budget_mb = 800
    busy, _, idle = _three(host)
    assert _victims(host) == ["idle"]
    with open(f"{idle.folder}/{TICKET}", "w", encoding="utf-8") as file:
        file.write("{}")
    idle.lock.release()
    busy.look()
    assert _claim(host)["guard"] == "idle"  # another watchdog carries the restart on
    os.unlink(f"{idle.folder}/{TICKET}")
    busy.look()
    assert _claim(host)["guard"] == "busy1"


def test_a_claim_is_not_for_ever_and_begins_nothing_at_its_end(host: HostOfSessions) -> None:
    _, _, idle = _three(host)
    assert _victims(host) == ["idle"]
    host.pass_time(CLAIM_S - BEGIN_S + 1)
    assert not idle.agree()
    assert _victims(host) == ["busy1"]  # who let a claim go by isn't asked again at once


def test_nobody_is_chosen_while_a_restart_goes_on_or_a_client_starts(host: HostOfSessions) -> None:
    busy, _, _ = _three(host)
    busy.known["is_starting"] = True
    assert _victims(host) == []
    busy.known["is_starting"] = False
    with open(f"{busy.folder}/{TICKET}", "w", encoding="utf-8") as file:
        file.write("{}")
    host.guards[1].look()
    assert not os.path.exists(f"{host.runtime}/{VICTIM}")
    os.unlink(f"{busy.folder}/{TICKET}")
    assert _victims(host) == ["idle"]


def test_what_pss_confirms_decides(host: HostOfSessions) -> None:
    """The sums are over the budget, what is really held isn't: memory that processes share."""
    host.pss_share = 0.7
    _three(host)
    assert _victims(host) == []
    host.pss_share = 0.9
    host.pass_time(40)
    assert _victims(host) == ["idle"]


def test_what_was_published_is_read_anew_before_anybody_is_chosen(host: HostOfSessions) -> None:
    busy, _, idle = _three(host)
    idle.size_mb = 100  # it has given its memory back, and has not looked since
    busy.agree()
    assert _claim(host)["guard"] == ""


def test_that_nobody_would_help_is_said_once(host: HostOfSessions) -> None:
    for guard in _three(host):
        guard.known["is_paused"] = True
    assert _victims(host) == []
    host.pass_time(40)
    assert _victims(host) == []
    said = [json.loads(line) for guard in host.guards for line in guard.events().splitlines()]
    assert [(event["event"], event["victim"]) for event in said] == [("memory_host_budget_exceeded", "")]


def test_the_session_of_a_dead_client_or_watchdog_does_not_count(host: HostOfSessions) -> None:
    busy, other, _ = _three(host)
    other.end_client()
    busy.agree()
    assert _claim(host)["guard"] == ""
    host.pass_time(40)
    busy.lock.release()
    host.guards[2].agree()
    assert _claim(host)["guard"] == ""


def test_published_again_only_when_it_is_news(host: HostOfSessions) -> None:
    guard = host.guard("one", 500)
    path = f"{guard.folder}/{NEIGHBOUR}"

    def is_news() -> bool:
        before = os.stat(path).st_ino, os.stat(path).st_mtime_ns
        guard.publish()
        return (os.stat(path).st_ino, os.stat(path).st_mtime_ns) != before

    guard.publish()
    guard.size_mb = 524
    assert not is_news()
    guard.size_mb = 526
    assert is_news()
    guard.known["is_idle"] = False
    assert is_news()
    assert not is_news()


def test_a_neighbour_is_read_as_it_was_written(host: HostOfSessions) -> None:
    guard = host.guard("one", 500, is_nested=True, resumed_bytes=7 * MB)
    guard.publish()
    found = read_neighbour(guard.folder)
    assert found
    assert found.kind() == guard.neighbour().kind()
    assert (found.candidate.footprint_bytes, found.candidate.resumed_bytes) == (500 * MB, 7 * MB)


def test_the_living_clients_of_the_registry_are_known_by_identity(host: HostOfSessions) -> None:
    first, second = host.guard("one", 1), host.guard("two", 1)
    assert guarded_clients(host.runtime) == {first.client.pid, second.client.pid}
    second.end_client()
    own = identity.identify(os.getpid())
    assert own
    record = f"{host.runtime}/clients/{os.getpid()}"
    with open(record, "w", encoding="utf-8") as file:
        file.write(f"id={os.getpid()}:1:{own.boot_id}:{own.pid_namespace}\nguard=one\n")
    assert guarded_clients(host.runtime) == {first.client.pid}  # ours was another process's pid, once


def test_a_client_that_has_just_come_is_known_at_the_next_look(host: HostOfSessions) -> None:
    """Before its memory is taken for the tool's that it runs in."""
    first = host.guard("one", 1)
    clients = GuardedClients(host.runtime)
    assert clients.now() == {first.client.pid}
    second = host.guard("two", 1)
    assert clients.now() == {first.client.pid, second.client.pid}
    second.end_client()
    host.pass_time(2)
    assert clients.now() == {first.client.pid}


def test_a_session_inside_another_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Client 10, its tool 11, in which client 20 is guarded by itself; 30 has left the tree."""
    rows = [(10, 1), (11, 10), (12, 11), (20, 12), (21, 20), (30, 1)]
    tree = TreeReading([ProcessReading(pid, parent, pid, pid * MB) for pid, parent in rows])
    assert [process.pid for process in own_processes(tree, {10, 20})] == [10, 11, 12, 30]
    assert own_processes(tree, {10, 99}) == tree.processes
    assert outside_bytes(tree) == 30 * MB
    monkeypatch.setattr(current, "parent_pid", dict(rows).__getitem__)
    assert is_inside(20, {10, 20} - {20})
    assert not is_inside(10, {20})
