"""Stopping processes where they stand, and letting them go on."""

import os
import signal
import subprocess
import sys

import pytest

from memguard.core.identity import ProcessId
from memguard.host import freeze as freeze_module
from memguard.host.family import endable
from memguard.host.freeze import freeze, thaw
from memguard.host.identity import identify
from memguard.host.run_state import is_still, is_stopped

from .workshop import Workshop, gone, until

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
COUNTER = """
import sys, time
print("ready", flush=True)
n = 0
while True:
    n += 1
    with open(sys.argv[1], "w") as file: file.write(str(n))
    time.sleep(0.001)
"""
# Forks a child each time a line comes.
FORKER = """
import os, sys, time
print("ready", flush=True)
for _ in sys.stdin:
    pid = os.fork()
    if not pid: time.sleep(600)
    print(pid, flush=True)
"""


def nobody(_: list[ProcessId]) -> None:
    """A record that nobody keeps."""


def test_all_are_stopped_and_go_on(workshop: Workshop) -> None:
    found = [workshop.ready(SLEEPER) for _ in range(3)]
    assert freeze(lambda: found, nobody) == (found, True)
    assert all(is_stopped(who.pid) for who in found), "really stopped when it returns, not only signalled"
    thaw(found)
    until(lambda: not any(is_stopped(who.pid) for who in found))


def test_a_frozen_process_gets_nothing_done(workshop: Workshop, tmp_path: object) -> None:
    path = f"{tmp_path}/n"
    who = workshop.ready(COUNTER, path)
    until(lambda: os.path.exists(path) and os.path.getsize(path) > 0)
    freeze(lambda: [who], nobody)
    with open(path, encoding="ascii") as file:
        held_at = file.read()
    until(lambda: is_stopped(who.pid))
    for _ in range(50):
        identify(who.pid)
    with open(path, encoding="ascii") as file:
        assert file.read() == held_at
    thaw([who])
    until(lambda: _text(path) not in ("", held_at))


def _text(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def test_each_is_on_record_before_it_is_stopped(workshop: Workshop) -> None:
    first, second = workshop.ready(SLEEPER), workshop.ready(SLEEPER)
    looks = iter([[first], [first, second], [first, second]])
    recorded: list[tuple[list[ProcessId], list[bool]]] = []
    freeze(lambda: next(looks), lambda new: recorded.append((new, [is_stopped(who.pid) for who in new])))
    assert recorded == [([first], [False]), ([second], [False])]


def test_a_child_that_appears_while_its_parent_is_being_stopped_is_found(workshop: Workshop) -> None:
    """The list is made, the parent forks, the parent is stopped: the next round finds the child."""
    process = workshop.start(FORKER)
    workshop.line(process)
    parent = workshop.adopt(process.pid)
    children: list[ProcessId] = []

    def fork_behind_the_list(_: list[ProcessId]) -> None:
        if not children:
            assert process.stdin is not None
            print(file=process.stdin, flush=True)
            children.append(workshop.adopt(int(workshop.line(process))))

    held, is_all = freeze(lambda: endable({parent.pid}, 0, frozenset()), fork_behind_the_list)
    assert (set(held), is_all) == ({parent, *children}, True)
    assert all(is_stopped(who.pid) for who in held)


def test_who_we_descend_from_is_looked_up_as_often_for_many_as_for_one(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 to 10 reads: for each of a hundred processes, the last would grow on while they are made."""
    found = [workshop.ready(SLEEPER) for _ in range(4)]
    read, own = [], f"/proc/{os.getppid()}/stat"
    really_open = os.open

    def noted_open(path: str, *more: int) -> int:
        if path == own:
            read.append(path)
        return really_open(path, *more)

    monkeypatch.setattr(os, "open", noted_open)

    def count(some: list[ProcessId]) -> int:
        read.clear()
        assert freeze(lambda: some, nobody) == (some, True)
        thaw(some)
        return len(read)

    assert count(found) == count(found[:1]) == 2, "once to stop them, once to let them go on"


def test_nobody_to_stop_is_all_of_them() -> None:
    assert freeze(list, nobody) == ([], True)


def test_who_is_gone_is_not_held_and_nobody_is_missing(workshop: Workshop) -> None:
    process = workshop.start(SLEEPER)
    workshop.line(process)
    dead, living = workshop.adopt(process.pid), workshop.ready(SLEEPER)
    process.kill()
    process.wait()
    looks = iter([[dead, living], [living]])
    assert freeze(lambda: next(looks), nobody) == ([living], True)


def test_a_round_that_came_too_late_for_all_of_them_is_not_the_last(workshop: Workshop) -> None:
    """As with a program that hands itself on from child to child: the next one may be caught."""
    process = workshop.start(SLEEPER)
    workshop.line(process)
    dead, living = workshop.adopt(process.pid), workshop.ready(SLEEPER)
    process.kill()
    process.wait()
    looks = iter([[dead], [dead], [living], [living]])
    assert freeze(lambda: next(looks), nobody) == ([living], True)


def test_who_may_not_be_touched_is_not_held_and_that_is_said(workshop: Workshop) -> None:
    own, mine = identify(os.getpid()), workshop.ready(SLEEPER)
    assert own is not None
    assert freeze(lambda: [own, mine], nobody) == ([mine], False)
    assert freeze(lambda: [own], nobody) == ([], False)


def test_a_pid_that_was_given_away_is_not_stopped(workshop: Workshop) -> None:
    now = workshop.ready(SLEEPER)
    before = ProcessId(now.pid, now.start_ticks - 5, now.boot_id, now.pid_namespace)
    held, _ = freeze(lambda: [before], nobody)
    assert held == []
    assert not is_stopped(now.pid)
    os.kill(now.pid, signal.SIGSTOP)
    until(lambda: is_stopped(now.pid))
    thaw([before])
    assert is_stopped(now.pid), "whoever stopped it meant the new owner of the pid"


def test_what_finds_new_ones_for_ever_is_given_up_and_named_as_not_held(workshop: Workshop) -> None:
    """A double for a program that forks faster than it is listed: each look finds one more."""
    process = workshop.start(FORKER)
    workshop.line(process)
    found: list[ProcessId] = []

    def one_more() -> list[ProcessId]:
        assert len(found) < 200, "it is given up long before"
        assert process.stdin is not None
        print(file=process.stdin, flush=True)
        found.append(workshop.adopt(int(workshop.line(process))))
        return list(found)

    held, is_all = freeze(one_more, nobody)
    assert not is_all
    assert held == found
    assert 5 <= len(held) <= 100


@pytest.mark.parametrize("fails", ["record", "find"])
def test_what_goes_wrong_later_leaves_nobody_stopped(workshop: Workshop, fails: str) -> None:
    first, second = workshop.ready(SLEEPER), workshop.ready(SLEEPER)
    looks = iter([[first], [first, second]])

    def find() -> list[ProcessId]:
        found = next(looks)
        if fails == "find" and second in found:
            raise OSError("no descriptor is left")
        return found

    def record(new: list[ProcessId]) -> None:
        if second in new:
            raise OSError("No space left on device")

    with pytest.raises(OSError, match="left"):
        freeze(find, record)
    until(lambda: not any(is_stopped(who.pid) for who in (first, second)))


def test_another_users_process_is_neither_stopped_nor_waited_for(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never stops: to wait for that would cost 50 ms, in which the others are not looked at."""
    if os.geteuid() != 0:
        pytest.skip("only root can start another user's process")
    command = ["setpriv", "--reuid", "65534", "--clear-groups", sys.executable, "-I", "-S", "-c", SLEEPER]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            others, mine = identify(process.pid), workshop.ready(SLEEPER)
            assert others is not None
            waited_for: set[int] = set()

            def asked(pid: int) -> bool:
                waited_for.add(pid)
                return is_still(pid)

            monkeypatch.setattr(freeze_module, "is_still", asked)
            assert freeze(lambda: [others, mine], nobody) == ([mine], False)
            assert waited_for == {mine.pid}
            assert not is_still(others.pid)
        finally:
            process.kill()


def test_thawing_the_dead_harms_nobody(workshop: Workshop) -> None:
    process = workshop.start(SLEEPER)
    workshop.line(process)
    who = workshop.adopt(process.pid)
    process.kill()
    process.wait()
    thaw([who])
    assert gone(who)
