"""Who may be there beside this process, as cheaply as can be known."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from memguard.test_run.tree import Tree


@pytest.fixture
def tree() -> Iterator[Tree]:
    tree = Tree(os.getpid())
    tree.begin()
    yield tree
    tree.end()


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"])


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_without_children_there_is_nobody(tree: Tree) -> None:
    assert not tree.may_have_others()
    assert [process[0] for process in tree.read()] == [os.getpid()]


def test_a_child_is_somebody_until_it_is_reaped(tree: Tree) -> None:
    process = sleeper()
    assert tree.may_have_others()
    process.kill()
    assert tree.may_have_others()
    process.wait()
    assert not tree.may_have_others()
    assert tree.were_started()


def test_asking_reaps_nobody(tree: Tree) -> None:
    """An ended child is still there for the test that waits for it."""
    pid = os.fork()
    if not pid:
        os._exit(7)
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT) is None:
        time.sleep(0.001)
    assert tree.may_have_others()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_a_child_of_another_thread_is_seen(tree: Tree) -> None:
    import threading

    started: list[subprocess.Popen[bytes]] = []
    go_on = threading.Event()

    def start() -> None:
        started.append(sleeper())
        go_on.wait(20)

    thread = threading.Thread(target=start)
    thread.start()
    try:
        while not started:
            time.sleep(0.001)
        assert tree.may_have_others()
        assert started[0].pid in [process[0] for process in tree.read()]
    finally:
        go_on.set()
        thread.join()
        end(started[0])


def test_a_stray_is_somebody(tree: Tree) -> None:
    code = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.wait()
    process.stdout.close()
    try:
        assert pid in [found[0] for found in tree.read(is_thorough=True)]
        assert tree.may_have_others()
    finally:
        os.kill(pid, 9)
    while len(tree.read()) > 1:
        time.sleep(0.001)
    assert not tree.may_have_others()


def test_where_asking_is_refused_there_may_be_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "waitid", refuse)
    assert Tree(os.getpid()).may_have_others()
