"""Limits of one process: what it then can't do, what its children inherit, and that nothing is ever raised."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.host.identity import identify
from memguard.host.process_limits import NOT_OURS, limit_process

MB = 1024 * 1024
INFINITY = resource.RLIM_INFINITY
# Does what it reads on stdin, a line each, and answers.
OBEDIENT = """
import os, subprocess, sys, threading
stop = threading.Event()
thread = threading.Thread(target=stop.wait, daemon=True)
thread.start()
print(thread.native_id, flush=True)
for line in sys.stdin:
    try:
        print(eval(line), flush=True)
    except MemoryError:
        print("MemoryError", flush=True)
"""


class Child:
    def __init__(self, *before: str) -> None:
        command = [*before, sys.executable, "-I", "-S", "-c", OBEDIENT]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.thread = int(self._line())
        who = identify(self.process.pid)
        assert who is not None
        self.who: ProcessId = who

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, expression: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return self._line()


@pytest.fixture
def make() -> Iterator[Callable[..., Child]]:
    made: list[Child] = []

    def start(*before: str) -> Child:
        made.append(Child(*before))
        return made[-1]

    yield start
    for child in made:
        child.process.kill()
        child.process.wait()


def limits(child: Child, kind: int) -> tuple[int, int]:
    return resource.prlimit(child.who.pid, kind)


def test_memory_beyond_it_is_refused_to_the_process_and_to_what_it_starts(make: Callable[..., Child]) -> None:
    child = make()
    assert child.ask("len(bytearray(150 << 20))") == str(150 * MB)
    assert limit_process(child.who, 100 * MB, 0, 0) == ""
    assert child.ask("len(bytearray(150 << 20))") == "MemoryError"
    assert child.ask("len(bytearray(10 << 20))") == str(10 * MB), "it lives on within its limit"
    inner = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA))"
    assert child.ask(f"subprocess.check_output([sys.executable, '-c', {inner!r}], text=True).strip()") == str(
        (100 * MB, 100 * MB)
    )


def test_processor_time_beyond_it_ends_the_process(make: Callable[..., Child]) -> None:
    child = make()
    assert limit_process(child.who, 0, 1, 0) == ""
    assert limits(child, resource.RLIMIT_CPU) == (1, 6)
    assert child.process.stdin is not None
    child.process.stdin.write("sum(iter(int, 1))\n")
    child.process.stdin.flush()
    assert child.process.wait(20) == -signal.SIGXCPU


def test_every_thread_stands_back_and_none_comes_forward(make: Callable[..., Child]) -> None:
    child = make()
    tids = (child.who.pid, child.thread)
    assert limit_process(child.who, 0, 0, 7) == ""
    assert [os.getpriority(os.PRIO_PROCESS, tid) for tid in tids] == [7, 7]
    assert limit_process(child.who, 0, 0, 3) == ""
    assert [os.getpriority(os.PRIO_PROCESS, tid) for tid in tids] == [7, 7]


def test_nothing_is_raised_and_what_is_not_asked_for_stays(make: Callable[..., Child]) -> None:
    child = make()
    resource.prlimit(child.who.pid, resource.RLIMIT_DATA, (200 * MB, 300 * MB))
    assert limit_process(child.who, 250 * MB, 0, 0) == ""
    assert limits(child, resource.RLIMIT_DATA) == (200 * MB, 250 * MB)
    assert limits(child, resource.RLIMIT_CPU) == (INFINITY, INFINITY)
    assert limit_process(child.who, 900 * MB, 0, 0) == ""
    assert limits(child, resource.RLIMIT_DATA) == (200 * MB, 250 * MB)
    assert os.getpriority(os.PRIO_PROCESS, child.who.pid) == os.getpriority(os.PRIO_PROCESS, 0)


def test_a_process_that_is_gone_or_whose_pid_is_anothers_is_left_alone(make: Callable[..., Child]) -> None:
    child = make()
    other = ProcessId(child.who.pid, child.who.start_ticks + 1, child.who.boot_id, child.who.pid_namespace)
    assert limit_process(other, 100 * MB, 1, 5) == ""
    assert limits(child, resource.RLIMIT_DATA) == (INFINITY, INFINITY)
    child.process.kill()
    child.process.wait()
    assert limit_process(child.who, 100 * MB, 1, 5) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
def test_another_users_process_is_named_and_not_limited_also_by_root(make: Callable[..., Child]) -> None:
    child = make("setpriv", "--reuid", "65534", "--clear-groups")
    assert limit_process(child.who, 100 * MB, 1, 5) == NOT_OURS
    told = Path(f"/proc/{child.who.pid}/limits").read_text().splitlines()
    assert [line.split()[-3] for line in told if line.startswith("Max data size")] == ["unlimited"]
    assert os.getpriority(os.PRIO_PROCESS, child.who.pid) == os.getpriority(os.PRIO_PROCESS, 0)


def test_what_the_kernel_refuses_is_said(make: Callable[..., Child], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    child = make()
    monkeypatch.setattr(resource, "prlimit", refuse)
    assert "Operation not permitted" in limit_process(child.who, 100 * MB, 0, 0)
    assert Path(f"/proc/{child.who.pid}").exists()
