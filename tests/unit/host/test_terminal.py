"""The terminal of a process, and when somebody last typed there."""

import math
import os
import time

import pytest

from memguard.host.linux_facts import terminal_number
from memguard.host.terminal import tty_of, typing_age_s
from memguard.testing.fake_host import FakeHost

from .test_descendants import TERMINAL_OWNER
from .workshop import Workshop, until


def test_a_process_in_a_terminal_names_it(workshop: Workshop) -> None:
    owner = workshop.start(TERMINAL_OWNER)
    inner = workshop.adopt(int(workshop.line(owner)))
    until(lambda: terminal_number(inner.pid) != 0)
    path = tty_of(inner.pid)
    assert path == os.readlink(f"/proc/{inner.pid}/fd/0")
    assert path.startswith("/dev/pts/")
    assert tty_of(owner.pid) == ""


def test_a_number_without_a_device_here_is_no_terminal(fake: FakeHost) -> None:
    fake.add(10, 1, terminal=(136 << 8) | 250 | (0xF0 << 20))
    fake.add(11, 1, terminal=(200 << 8) | 1)
    os.makedirs(f"{fake.root}/11/fd")
    os.symlink("/dev/null", f"{fake.root}/11/fd/0")
    assert tty_of(10, fake.root) == ""
    assert tty_of(11, fake.root) == ""
    assert tty_of(12, fake.root) == ""


def test_an_unusual_terminal_is_found_by_standard_input(fake: FakeHost) -> None:
    number = os.stat("/dev/null").st_rdev  # stands for a device that no table of names knows
    fake.add(10, 1, terminal=number)
    os.makedirs(f"{fake.root}/10/fd")
    os.symlink("/dev/null", f"{fake.root}/10/fd/0")
    assert tty_of(10, fake.root) == "/dev/null"


@pytest.fixture
def terminal() -> tuple[int, int]:
    return os.openpty()


def test_a_key_that_is_read_makes_the_age_young(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    path = os.ttyname(slave)
    long_ago_s = time.time() - 1000
    os.utime(path, (long_ago_s, long_ago_s))
    assert 990 < typing_age_s(path, time.time()) < 1002
    os.write(master, b"x\n")
    os.read(slave, 10)
    assert typing_age_s(path, time.time()) == 0
    os.close(master)
    os.close(slave)


def test_the_age_is_never_too_high(terminal: tuple[int, int]) -> None:
    """The kernel stamps a terminal in spans of 8 s: a key at the end of one shows as one at its begin."""
    path = os.ttyname(terminal[1])
    os.utime(path, (80_000, 80_000))
    assert typing_age_s(path, 80_007.9) == 0
    assert typing_age_s(path, 80_038) == 30
    assert typing_age_s(path, 79_000) == 0
    for descriptor in terminal:
        os.close(descriptor)


def test_no_terminal_nobody_types() -> None:
    assert math.isinf(typing_age_s("", 1.0))
