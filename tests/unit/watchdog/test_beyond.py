"""Who has left the client's tree and still counts to the session: with real processes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from memguard.host import current
from memguard.host.containment.base import Containment
from memguard.host.own_processes import is_own_process
from memguard.watchdog.beyond import Beyond
from tests.sandbox import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = [sys.executable, "-I", "-S", "-c", "input()"]


class Known(Containment):
    """A containment that knows of what a test gives it."""

    def __init__(self, pids: list[int]) -> None:
        super().__init__()
        self.pids = pids

    def roots(self) -> list[int]:
        return list(self.pids)


@pytest.fixture
def orphan() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(WAITING, stdin=subprocess.PIPE, start_new_session=True)
    yield child
    child.communicate(b"\n")


def test_who_is_not_in_the_tree_yet_is_added(orphan: subprocess.Popen[bytes]) -> None:
    beyond = Beyond(Known([orphan.pid]))
    assert beyond.pids(set(), 0) == [orphan.pid]
    assert beyond.pids({orphan.pid}, 0) == []


def test_what_has_a_terminal_is_the_persons(orphan: subprocess.Popen[bytes]) -> None:
    pid, descriptor = pty.fork()
    if not pid:
        os.execv(sys.executable, WAITING)
    try:
        wait_until(lambda: current.terminal_number(pid), "the child's terminal")
        assert Beyond(Known([pid, orphan.pid])).pids(set(), 0) == [orphan.pid]
    finally:
        os.write(descriptor, b"\n")
        os.waitpid(pid, 0)
        os.close(descriptor)


def test_memguards_own_workers_do_not_count() -> None:
    words = [sys.executable, "-I", "-c", "input()", "-m", "memguard.state.capture"]
    worker = subprocess.Popen(words, stdin=subprocess.PIPE)
    try:
        wait_until(lambda: is_own_process(worker.pid), "the worker's own command line")
        assert Beyond(Known([worker.pid])).pids(set(), 0) == []
    finally:
        worker.communicate(b"\n")
