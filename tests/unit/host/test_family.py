"""Who of some processes, and of what descends from them, may be stopped or ended."""

from __future__ import annotations

import os

import pytest

from memguard.core.identity import ProcessId
from memguard.host.family import endable
from memguard.host.identity import process_id
from memguard.host.linux_facts import terminal_number
from memguard.testing.fake_host import FakeHost

from .workshop import Workshop, until

OWN_TERMINAL = 34816
ANOTHER = 34817
NOBODY = frozenset[int]()

# A program whose child has a terminal that others may come in by, as in tmux, beside a child that has none.
SERVER = """
import os, pty, socket, time
server = socket.socket(socket.AF_UNIX)
server.bind("")
server.listen()
plain = os.fork()
if not plain: time.sleep(600)
pid, _ = pty.fork()
if not pid: time.sleep(600)
print(plain, pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def tree(fake: FakeHost) -> FakeHost:
    """20 has the children 21 and 22, 21 has 23; 30 is a stranger."""
    fake.add(20, 10, start_ticks=20)
    for pid, parent_pid in {21: 20, 22: 20, 23: 21, 30: 1}.items():
        fake.add(pid, parent_pid, start_ticks=pid)
    return fake


def found(tree: FakeHost, *pids: int, kept: frozenset[int] = NOBODY) -> set[int]:
    return {who.pid for who in endable(set(pids), OWN_TERMINAL, kept, tree.root)}


def test_all_that_descends_and_nobody_else(tree: FakeHost) -> None:
    assert found(tree, 20) == {20, 21, 22, 23}
    assert found(tree, 21) == {21, 23}
    assert found(tree, 21, 22) == {21, 22, 23}
    assert found(tree) == set()


def test_they_are_named_by_identity(tree: FakeHost) -> None:
    assert [(who.pid, who.start_ticks) for who in endable({21}, 0, NOBODY, tree.root)] == [(21, 21), (23, 23)]


def test_who_is_gone_is_not_named_and_what_it_left_is_only_where_it_is_named_itself(tree: FakeHost) -> None:
    tree.add(23, 1, start_ticks=23)
    assert found(tree, 99, 23) == {23}


def test_a_zombie_is_not_ended_again(tree: FakeHost) -> None:
    tree.add(21, 20, state="Z", start_ticks=21)
    assert found(tree, 20) == {20, 22, 23}


def test_who_is_kept_stays_with_what_it_leads_to(tree: FakeHost) -> None:
    assert found(tree, 22, 21, kept=frozenset({21})) == {22}


def test_who_leads_to_one_that_is_kept_stays_too(tree: FakeHost) -> None:
    """The shell and the launcher above another guarded client: without them it has lost its terminal."""
    assert found(tree, 20, kept=frozenset({23})) == {22}


def test_one_that_is_kept_elsewhere_spares_nobody(tree: FakeHost) -> None:
    assert found(tree, 20, kept=frozenset({10, 30, 99})) == {20, 21, 22, 23}


def test_who_holds_a_terminal_stays_with_all_above_and_below_it(tree: FakeHost) -> None:
    tree.add(21, 20, terminal=ANOTHER, start_ticks=21)
    assert found(tree, 20) == {22}


def test_a_terminal_that_is_the_familys_own_binds_nobody(tree: FakeHost) -> None:
    tree.add(23, 21, terminal=ANOTHER, start_ticks=23)
    for pid in (20, 21, 23):
        os.makedirs(f"{tree.root}/{pid}/fd")
        os.symlink("/", f"{tree.root}/{pid}/root")
    os.symlink("/dev/ptmx", f"{tree.root}/21/fd/5")
    tree.write("21/fdinfo/5", "pos:\t0\ntty-index:\t1\n")
    assert found(tree, 20) == {20, 21, 22, 23}
    assert found(tree, 23) == set(), "who holds its other side is outside"


def test_the_clients_own_terminal_does_not_count(tree: FakeHost) -> None:
    """An MCP server shares it."""
    tree.add(21, 20, terminal=OWN_TERMINAL, start_ticks=21)
    assert found(tree, 20) == {20, 21, 22, 23}


def led(tree: FakeHost, leader: ProcessId, kept: frozenset[int] = NOBODY) -> set[int]:
    return {who.pid for who in endable({21}, OWN_TERMINAL, kept, tree.root, leader=leader)}


def test_who_is_in_the_leaders_session_belongs_to_it_also_when_its_parents_are_gone(tree: FakeHost) -> None:
    tree.add(40, 1, start_ticks=40, process_session=20)
    tree.add(41, 40, start_ticks=41)
    assert led(tree, process_id(20, 20)) == {20, 21, 22, 23, 40, 41}
    assert led(tree, process_id(99, 9)) == {21, 23}, "nobody is in it"


def test_a_leader_that_is_gone_still_names_its_session_and_one_whose_pid_was_given_away_does_not(
    tree: FakeHost,
) -> None:
    tree.add(40, 1, start_ticks=40, process_session=50)
    assert led(tree, process_id(50, 5)) == {21, 23, 40}
    tree.add(50, 1, start_ticks=500, process_session=50)
    assert led(tree, process_id(50, 5)) == {21, 23}


def test_what_a_kept_one_started_is_kept_also_in_the_leaders_session(tree: FakeHost) -> None:
    """Another guarded client has servers in its own process session, which may be the tool's."""
    for pid, parent_pid in {40: 1, 41: 40, 42: 41, 43: 1}.items():
        tree.add(pid, parent_pid, start_ticks=pid, process_session=20)
    assert led(tree, process_id(20, 20), kept=frozenset({41})) == {20, 21, 22, 23, 43}


@pytest.mark.parametrize("name", ["foo) Z 1", ") S 0 0 0 34817 ("])
def test_a_hostile_name_changes_nothing(tree: FakeHost, name: str) -> None:
    tree.add(21, 20, name=name, start_ticks=21)
    assert found(tree, 20) == {20, 21, 22, 23}


def test_a_loop_of_parents_ends(tree: FakeHost) -> None:
    """Fixture: no kernel shows one, a pid given away while it is listed may look like one."""
    tree.add(20, 23, start_ticks=20)
    assert found(tree, 20) == {20, 21, 22, 23}


def test_a_real_terminal_below_a_tool(workshop: Workshop) -> None:
    process = workshop.start(SERVER)
    plain, watched = (workshop.adopt(int(word)) for word in workshop.line(process).split())
    until(lambda: terminal_number(watched.pid) != 0)
    root = workshop.adopt(process.pid)
    assert endable({root.pid}, 0, NOBODY) == [plain]
    everybody = endable({root.pid}, terminal_number(watched.pid), NOBODY)
    assert set(everybody) == {root, plain, watched}
