"""Whether a process runs, waits, is stopped or is over."""

import os
import signal

import pytest

from memguard.host.run_state import is_still, is_stopped, run_state
from memguard.testing.fake_host import FakeHost

from .workshop import Workshop, until

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
BUSY = "print('ready', flush=True)\nwhile True: pass"
ZOMBIE_MAKER = """
import os, time
pid = os.fork()
if not pid: os._exit(0)
print(pid, flush=True)
time.sleep(600)
"""


def test_a_waiting_and_a_busy_process_are_not_still(workshop: Workshop) -> None:
    for code in (SLEEPER, BUSY):
        who = workshop.ready(code)
        assert run_state(who.pid) in "RS"
        assert not is_still(who.pid)
        assert not is_stopped(who.pid)


def test_a_stopped_process_is_still_until_it_goes_on(workshop: Workshop) -> None:
    who = workshop.ready(SLEEPER)
    os.kill(who.pid, signal.SIGSTOP)
    until(lambda: is_stopped(who.pid))
    assert is_still(who.pid)
    os.kill(who.pid, signal.SIGCONT)
    until(lambda: not is_stopped(who.pid))
    assert not is_still(who.pid)


def test_a_zombie_is_still_and_not_stopped(workshop: Workshop) -> None:
    maker = workshop.start(ZOMBIE_MAKER)
    pid = int(workshop.line(maker))
    until(lambda: run_state(pid) == "Z")
    assert is_still(pid)
    assert not is_stopped(pid)


def test_who_is_gone_has_no_state_and_is_still(workshop: Workshop) -> None:
    process = workshop.start("")
    process.wait()
    assert run_state(process.pid) == ""
    assert is_still(process.pid)
    assert not is_stopped(process.pid)


@pytest.mark.parametrize(
    ("state", "still", "stopped"),
    [("R", False, False), ("S", False, False), ("D", True, False), ("T", True, True), ("t", True, True),
     ("Z", True, False), ("X", True, False), ("x", True, False), ("I", False, False), ("P", False, False)],
)  # fmt: skip
def test_every_letter_of_the_kernel(fake: FakeHost, state: str, *, still: bool, stopped: bool) -> None:
    """Fixture: a process in uninterruptible sleep and a traced one can't be had at will."""
    fake.add(10, 1, state=state)
    assert run_state(10, fake.root) == state
    assert (is_still(10, fake.root), is_stopped(10, fake.root)) == (still, stopped)


@pytest.mark.parametrize("name", ["foo) Z 1", ") T (", "\x1b[2J\n) T", "((((", "x" * 64])
def test_a_name_does_not_choose_the_state(fake: FakeHost, name: str) -> None:
    fake.add(10, 1, name=name, state="S")
    assert run_state(10, fake.root) == "S"


@pytest.mark.parametrize("text", ["", "10 (tool)", "10 (tool) \n"])
def test_a_torn_file_says_nothing(fake: FakeHost, text: str) -> None:
    fake.write("10/stat", text)
    assert run_state(10, fake.root) == ""
    assert not is_stopped(10, fake.root)
