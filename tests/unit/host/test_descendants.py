"""What belongs to a session, wherever it went."""

import os
import uuid

import pytest

from memguard.core.identity import ProcessId
from memguard.core.reading import ProcessReading, TreeReading
from memguard.host.descendants import Lineage, describe, is_terminal_bound
from memguard.host.linux import parent_pid, read_tree
from memguard.host.linux_facts import terminal_number
from memguard.testing.fake_host import FakeHost

from .workshop import Workshop, until

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"

# A tool that leaves a daemon behind, as `cmd &` with setsid does: two forks, a session of its own, parent gone.
DAEMON_MAKER = """
import os, sys, time
if not os.fork():
    os.setsid()
    if not os.fork():
        print(os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
"""

# A client without a session id, whose tool (a fork) outlives it and starts something new once it is an orphan.
CLIENT = """
import os, sys, time
client = os.getpid()
tool = os.fork()
if not tool:
    os.setsid()
    while os.getppid() == client: time.sleep(0.01)
    late = os.fork()
    if late: print(late, flush=True)
    time.sleep(600)
print(tool, flush=True)
time.sleep(600)
"""

# A tool whose child got a terminal of its own, as under `script` or `expect`.
TERMINAL_OWNER = """
import os, pty, time
pid, descriptor = pty.fork()
if not pid: time.sleep(600)
print(pid, flush=True)
time.sleep(600)
"""


def pids_of(found: list[ProcessId]) -> set[int]:
    return {who.pid for who in found}


def test_a_daemon_that_left_the_tree_unseen_is_known_by_its_session_id(workshop: Workshop) -> None:
    session_id, other_id = uuid.uuid4().hex, uuid.uuid4().hex
    maker = workshop.start(DAEMON_MAKER, session_id=session_id)
    daemon = workshop.adopt(int(workshop.line(maker)))
    maker.wait()
    until(lambda: parent_pid(daemon.pid) != maker.pid)
    stranger = workshop.ready(SLEEPER, session_id=other_id)
    nobody = workshop.ready(SLEEPER)
    found = Lineage().survivors([session_id])
    assert found == [daemon]
    assert not {stranger.pid, nobody.pid} & pids_of(found)
    assert Lineage().survivors([]) == []
    assert Lineage().survivors([""]) == []


def test_an_orphan_without_an_id_is_known_since_it_was_seen_and_so_is_what_it_starts(workshop: Workshop) -> None:
    client = workshop.start(CLIENT)
    tool = workshop.adopt(int(workshop.line(client)))
    lineage = Lineage()
    lineage.observe(read_tree(client.pid))
    client.kill()
    client.wait()
    late = workshop.adopt(int(workshop.line(client)))
    assert pids_of(lineage.survivors([])) == {tool.pid, late.pid}
    assert lineage.survivors([], exclude=[tool.pid]) == []


def test_the_excluded_are_not_survivors(workshop: Workshop) -> None:
    session_id = uuid.uuid4().hex
    kept, found = (workshop.ready(SLEEPER, session_id=session_id) for _ in range(2))
    assert Lineage().survivors([session_id], exclude=[kept.pid]) == [found]


def test_this_process_and_its_ancestors_never_survive() -> None:
    lineage = Lineage()
    tree = read_tree(os.getppid())
    assert os.getpid() in {process.pid for process in tree.processes}
    lineage.observe(tree)
    assert not {os.getpid(), os.getppid()} & pids_of(lineage.survivors([]))


def test_a_pid_that_was_given_away_is_no_survivor(workshop: Workshop) -> None:
    who = workshop.ready(SLEEPER)
    lineage = Lineage()
    lineage.observe(TreeReading([ProcessReading(who.pid, 1, who.start_ticks - 5, 0)]))
    assert lineage.survivors([]) == []


def test_a_long_session_does_not_grow(fake: FakeHost) -> None:
    lineage = Lineage(fake.root)
    fake.add(10, 1)
    for pid in range(100, 400):
        fake.add(pid, 10, start_ticks=pid)
        client, tool = ProcessReading(10, 1, 1000, 0), ProcessReading(pid, 10, pid, 0)
        lineage.observe(TreeReading([client, tool]))
        os.rename(f"{fake.root}/{pid}", f"{fake.root}/gone-{pid}")
    assert len(lineage) <= 3


def test_who_left_the_tree_alive_is_remembered(fake: FakeHost) -> None:
    lineage = Lineage(fake.root)
    client = ProcessReading(10, 1, 1000, 0)
    fake.add(10, 1)
    fake.add(20, 1, start_ticks=7)
    lineage.observe(TreeReading([client, ProcessReading(20, 10, 7, 0)]))
    lineage.observe(TreeReading([client]))
    lineage.observe(TreeReading([]))
    assert pids_of(lineage.survivors([], exclude=[10])) == {20}


def test_session_ids_are_learned_from_tools_but_not_from_the_client(fake: FakeHost) -> None:
    for pid, session_id in {10: "outer", 20: "inner", 30: "outer", 40: "../x"}.items():
        fake.add(pid, 1 if pid == 10 else 10, terminal=34817 if pid == 10 else 0)
        fake.write(f"{pid}/environ", f"A=1\0CLAUDE_CODE_SESSION_ID={session_id}\0")
    lineage = Lineage(fake.root)
    lineage.observe(TreeReading([ProcessReading(pid, 1, 1000, 0) for pid in (10, 20, 30, 40)]))
    assert lineage.session_ids == {"inner"}
    assert lineage.client_terminal == 34817


def test_an_environment_is_read_once_per_process(fake: FakeHost) -> None:
    fake.add(10, 1)
    fake.add(20, 10)
    fake.write("20/environ", "CLAUDE_CODE_SESSION_ID=first\0")
    lineage = Lineage(fake.root)
    tree = TreeReading([ProcessReading(10, 1, 1000, 0), ProcessReading(20, 10, 1000, 0)])
    lineage.observe(tree)
    fake.write("20/environ", "CLAUDE_CODE_SESSION_ID=second\0")
    lineage.observe(tree)
    assert lineage.session_ids == {"first"}
    tree.processes[1].start_ticks = 1001  # the pid was given away: another process
    lineage.observe(tree)
    assert lineage.session_ids == {"first", "second"}


def test_terminal_bound_is_who_or_whose_descendant_has_a_terminal(workshop: Workshop) -> None:
    owner = workshop.start(TERMINAL_OWNER)
    inner = workshop.adopt(int(workshop.line(owner)))
    plain = workshop.ready(SLEEPER)
    until(lambda: terminal_number(inner.pid) != 0)
    assert terminal_number(owner.pid) == 0
    assert not is_terminal_bound(owner.pid), "it is the owner's own"
    assert is_terminal_bound(inner.pid)
    assert not is_terminal_bound(owner.pid, own_terminal=terminal_number(inner.pid))
    assert not is_terminal_bound(plain.pid)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("node\n", "node"),
        ("a\x1b[31mred\x07\u202ename", "a[31mredname"),
        ("x" * 200, "x" * 64),
        ("\udcff\udcfe", "\ufffd\ufffd"),
    ],
)
def test_a_name_for_people_is_short_and_harmless(fake: FakeHost, name: str, shown: str) -> None:
    fake.write("10/comm", name)
    assert describe(10, fake.root) == shown
    assert describe(11, fake.root) == ""
