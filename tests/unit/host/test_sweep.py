"""A sweep ends what a session left, whatever it does to stay, and spares what somebody may be looking at."""

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.host import signals, sweep
from memguard.host.descendants import Lineage
from memguard.host.identity import identify, is_alive
from memguard.host.linux import read_tree
from memguard.host.linux_facts import terminal_number
from memguard.host.run_state import run_state
from memguard.host.sparing import TERMINAL, Rule
from memguard.host.sweep import end_all
from memguard.host.table import Row

from .test_family import SERVER
from .workshop import SESSION_VARIABLE, Workshop, gone, until

STRANGER = "import os, time; os.setuid(65534); print('ready', flush=True); time.sleep(600)"
SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
POLITE = """
import signal, sys, time
def leave(*_):
    open(sys.argv[1], "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(600)
"""
# On TERM it forks a deaf child, writes down the child's pid and goes; "far" puts the child in a session of its own.
FORKER = """
import os, signal, sys, time
def fork(*_):
    if not os.fork():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if sys.argv[2] == "far":
            os.setsid()
            if os.fork(): os._exit(0)
        with open(sys.argv[1] + ".new", "w") as file: file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(60)
    os._exit(0)
signal.signal(signal.SIGTERM, fork)
print("ready", flush=True)
time.sleep(600)
"""
FAMILY = """
import subprocess, sys, time
tool = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
print(tool.pid, flush=True)
time.sleep(600)
"""
# Forks one child after the other until it holds a hundred, and each of them does so, too: until they are stopped.
FORK_BOMB = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
for _ in range(12):
    os.fork()
    time.sleep(0.05)
time.sleep(600)
"""


def test_ends_a_process_and_its_descendants_and_names_them(workshop: Workshop) -> None:
    process = workshop.start(FAMILY)
    tool = workshop.adopt(int(workshop.line(process)))
    parent = workshop.adopt(process.pid)
    result = end_all([parent], 10)
    assert gone(parent)
    assert gone(tool)
    facts = {pid: (name, size_bytes) for pid, name, size_bytes in result.ended}
    assert set(facts) == {parent.pid, tool.pid}
    assert all(name.startswith("python") for name, _ in facts.values())
    assert facts[parent.pid][1] > 1024 * 1024
    assert (result.spared, result.remaining) == ([], [])


def test_a_polite_process_ends_by_itself_within_the_grace(workshop: Workshop, tmp_path: Path) -> None:
    mark = tmp_path / "left"
    begin_s = time.monotonic()
    end_all([workshop.ready(POLITE, str(mark))], 60)
    assert mark.exists()
    assert time.monotonic() - begin_s < 30


def test_a_stopped_process_gets_its_chance_too(workshop: Workshop, tmp_path: Path) -> None:
    mark = tmp_path / "left"
    who = workshop.ready(POLITE, str(mark))
    os.kill(who.pid, 19)
    assert [pid for pid, _, _ in end_all([who], 60).ended] == [who.pid]
    assert mark.exists()


def test_a_deaf_process_is_killed_after_the_grace(workshop: Workshop) -> None:
    who = workshop.ready(DEAF)
    begin_s = time.monotonic()
    result = end_all([who], 0.5)
    assert 0.5 <= time.monotonic() - begin_s < 10
    assert gone(who)
    assert [pid for pid, _, _ in result.ended] == [who.pid]


def test_without_grace_force_comes_at_once(workshop: Workshop) -> None:
    who = workshop.ready(DEAF)
    end_all([who], 0)
    assert gone(who)


def test_a_fork_during_the_sweep_is_ended(workshop: Workshop, tmp_path: Path) -> None:
    """Its parent is gone when the next look is taken: it is known by the process session that it is in."""
    who = workshop.ready(FORKER, str(tmp_path / "pid"), "near")
    result = end_all([who], 1)
    child_pid = int((tmp_path / "pid").read_text())
    # Busy machines let the look fall between the fork and the end of the one that forked.
    assert {pid for pid, _, _ in result.ended} >= {who.pid, child_pid}
    until(lambda: not _runs(child_pid))


def test_a_fork_that_left_the_session_too_is_found_by_asking_again(workshop: Workshop, tmp_path: Path) -> None:
    session_id = uuid.uuid4().hex
    who = workshop.ready(FORKER, str(tmp_path / "pid"), "far", session_id=session_id)
    lineage = Lineage()

    def find_more() -> list[ProcessId]:
        until((tmp_path / "pid").exists)
        return lineage.survivors([session_id])

    result = end_all([who], 1, find_more=find_more)
    child_pid = int((tmp_path / "pid").read_text())
    assert child_pid in {pid for pid, _, _ in result.ended}
    until(lambda: not _runs(child_pid))


def test_a_reused_pid_is_left_alone(workshop: Workshop) -> None:
    who = workshop.ready(SLEEPER)
    former = ProcessId(who.pid, who.start_ticks - 1, who.boot_id, who.pid_namespace)
    result = end_all([former], 0.2)
    assert is_alive(who)
    assert (result.ended, result.spared, result.remaining) == ([], [], [])


def test_the_excluded_and_oneself_are_left_alone(workshop: Workshop) -> None:
    who = workshop.ready(SLEEPER)
    myself = workshop.adopt(os.getpid())
    result = end_all([who, myself], 0.2, exclude=[who.pid])
    assert is_alive(who)
    assert (result.ended, result.spared, result.remaining) == ([], [], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
def test_another_users_process_is_named_not_ended(workshop: Workshop) -> None:
    who = workshop.ready(STRANGER)
    result = end_all([who], 0.2)
    assert is_alive(who)
    assert [pid for pid, _, _ in result.spared] == [who.pid]
    assert result.ended == []


def test_a_terminal_is_spared_unless_it_is_the_clients_own(workshop: Workshop) -> None:
    owner = workshop.start(SERVER)
    plain, inner = (workshop.adopt(int(word)) for word in workshop.line(owner).split())
    who = workshop.adopt(owner.pid)
    until(lambda: terminal_number(inner.pid) != 0)
    assert {pid for pid, _, _ in end_all([who], 0.2).spared} == {who.pid, inner.pid}
    assert gone(plain)
    assert is_alive(inner)
    result = end_all([who], 0.2, own_terminal=terminal_number(inner.pid))
    assert result.spared == []
    assert gone(who)
    assert gone(inner)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment for a tmux server of its own, which is ended afterwards by its pid."""
    environment = {name: value for name, value in os.environ.items() if name != "TMUX"}
    environment |= {SESSION_VARIABLE: uuid.uuid4().hex, "TMUX_TMPDIR": str(tmp_path), "TERM": "screen"}
    yield environment
    answer = subprocess.run(_tmux("display-message", "-p", "#{pid}"), env=environment, capture_output=True, check=False)
    if answer.stdout.strip():
        os.kill(int(answer.stdout), 15)


def _tmux(*words: str) -> list[str]:
    return ["tmux", "-L", "memguard-sweep", "-f", "/dev/null", *words]


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed here")
def test_a_tmux_server_that_a_tool_started_is_named_not_ended(workshop: Workshop, tmux: dict[str, str]) -> None:
    """Its pane has a terminal; what runs inside of it, in a session of its own and without one, is spared with it."""
    session_id = tmux[SESSION_VARIABLE]
    tool = workshop.ready(SLEEPER, session_id=session_id)
    pane = "setsid sleep 61 & exec sleep 62"
    subprocess.run(_tmux("new-session", "-d", pane), env=tmux, check=True, start_new_session=True)
    answer = subprocess.run(
        _tmux("display-message", "-p", "#{pid} #{pane_pid}"), env=tmux, capture_output=True, check=True
    )
    server, inner = (workshop.adopt(int(word)) for word in answer.stdout.split())
    until(lambda: len(read_tree(inner.pid).processes) == 2)
    hidden = workshop.adopt(read_tree(inner.pid).processes[1].pid)
    until(lambda: terminal_number(inner.pid) != 0 == terminal_number(hidden.pid))

    survivors = Lineage().survivors([session_id])
    assert {tool.pid, server.pid, inner.pid, hidden.pid} <= {who.pid for who in survivors}
    result = end_all(survivors, 2)
    assert gone(tool)
    assert all(is_alive(who) for who in (server, inner, hidden))
    assert (server.pid, "tmux: server", TERMINAL) in result.spared
    assert tool.pid in {pid for pid, _, _ in result.ended}


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return ") Z " not in file.read()
    except OSError:
        return False


def test_what_forks_while_it_is_ended_is_held_and_ended_with_all_its_children(workshop: Workshop) -> None:
    """4,096 processes, were it let go on: doubled every 50 ms."""
    session_id = uuid.uuid4().hex
    who = workshop.ready(FORK_BOMB, session_id=session_id)
    result = end_all([who], 0.1)
    assert result.remaining == []
    assert len(result.ended) > 1
    assert Lineage().survivors([session_id]) == []


def test_what_is_gone_before_it_can_be_signalled_and_comes_again_is_named() -> None:
    """Each generation forks and goes while it is listed: `find_more` has always seen somebody."""
    generations: list[ProcessId] = []

    def find_more() -> list[ProcessId]:
        with subprocess.Popen(["true"]) as process:
            who = identify(process.pid)
        assert who
        generations.append(who)
        return [who]

    result = end_all([], 0.05, force_s=0.2, find_more=find_more)
    assert len(generations) > 2
    assert [pid for pid, _ in result.remaining] == [generations[-1].pid]
    assert "forks faster" in result.remaining[0][1]


def test_where_it_does_not_come_again_nobody_is_named() -> None:
    with subprocess.Popen(["true"]) as process:
        who = identify(process.pid)
    assert who
    result = end_all([who], 5, find_more=list)
    assert (result.ended, result.spared, result.remaining) == ([], [], [])


def test_who_is_stuck_in_the_kernel_is_named(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test can have a process in uninterruptible sleep: here every signal is taken, and none has an effect."""
    who = workshop.ready(SLEEPER)
    sent: list[int] = []

    def take(_: ProcessId, number: int) -> bool:
        sent.append(number)
        return True

    monkeypatch.setattr(sweep, "send", take)
    monkeypatch.setattr(signals, "send", take)
    result = end_all([who], 0.05, force_s=0.05)
    assert (result.ended, result.spared, [pid for pid, _ in result.remaining]) == ([], [], [who.pid])
    assert sent.index(signal.SIGTERM) < sent.index(signal.SIGSTOP) < sent.index(signal.SIGKILL)
    assert sent[-1] == signal.SIGCONT  # nobody is left stopped


def test_what_the_rule_spares_is_named_with_its_reason_and_never_stopped(workshop: Workshop) -> None:
    class Picky(Rule):
        def _holders(self, family: set[int], table: dict[int, Row]) -> dict[int, str]:
            return super()._holders(family, table) | dict.fromkeys(family & {wanted.pid}, "wanted")

    wanted, other = workshop.ready(SLEEPER), workshop.ready(DEAF)
    result = end_all([wanted, other], 0.1, rule=Picky())
    assert [(pid, why) for pid, _, why in result.spared] == [(wanted.pid, "wanted")]
    assert gone(other)
    assert run_state(wanted.pid) == "S"
