"""Who was started by this run, told by the process itself."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from memguard.test_run.own_mark import OwnMark

WAIT = "import sys; print('ready', flush=True); sys.stdin.read()"


@pytest.fixture
def mark() -> Iterator[OwnMark]:
    mark = OwnMark(os.getpid())
    mark.begin()
    yield mark
    mark.end()


class Program:
    """A Python that waits until it is let go."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        words = [sys.executable, "-I", "-S", "-c", WAIT]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        self.pid = self._process.pid

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def test_a_program_that_was_started_since_carries_it(mark: OwnMark) -> None:
    with Program() as program:
        assert mark.is_on(program.pid)


class Fork:
    """A child that does what it is told, and waits until it is let go; `answer` is what it found."""

    def __init__(self, act: Callable[[], bool] = lambda: True) -> None:
        waits, self._let_go = os.pipe()
        says, say = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self._let_go)
            os.write(say, b"%d" % act())
            os.read(waits, 1)
            os._exit(0)
        self.answer = os.read(says, 1) == b"1"
        for descriptor in (waits, says, say):
            os.close(descriptor)

    def __enter__(self) -> "Fork":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._let_go)
        os.waitpid(self.pid, 0)


def test_one_that_was_only_forked_is_told_by_its_addresses(mark: OwnMark) -> None:
    """Its environment is shown as this process began with it."""
    with Fork() as fork:
        assert mark.is_on(fork.pid)


@pytest.mark.parametrize("is_orphan", [False, True])
def test_what_the_same_runner_forked_beside_this_run_does_not(is_orphan: bool) -> None:
    """This test is the runner here: it forks a run, and then what has the same addresses without being that run's.

    `is_orphan`: who forked the run is gone, and so can't be compared with it.
    """
    hears, tell = os.pipe()
    says, say = os.pipe()

    def run() -> None:
        if is_orphan and os.fork():
            os._exit(os.EX_OK)
        mark = OwnMark(os.getpid())
        os.write(say, b"begun")
        os.write(say, b"taken" if mark.is_on(int(os.read(hears, 8))) else b"left!")
        os._exit(os.EX_OK)

    pid = os.fork()
    if not pid:
        run()
    assert os.read(says, 5) == b"begun"
    with Fork() as sibling:
        os.write(tell, b"%d" % sibling.pid)
        assert os.read(says, 5) == b"left!"
    os.waitpid(pid, 0)
    for descriptor in (hears, tell, says, say):
        os.close(descriptor)


def test_a_forked_run_knows_the_programs_that_it_starts() -> None:
    def is_known() -> bool:
        mark = OwnMark(os.getpid())
        mark.begin()
        with Program() as program:
            return mark.is_on(program.pid)

    with Fork(is_known) as run:
        assert run.answer


def _can_do_without_drawing() -> bool:
    """Most containers refuse it."""
    setarch = shutil.which("setarch")
    return (
        setarch is not None and not subprocess.run([setarch, "-R", "true"], capture_output=True, check=False).returncode
    )


@pytest.mark.skipif(not _can_do_without_drawing(), reason="this host refuses programs whose addresses are not drawn")
def test_where_the_kernel_draws_no_addresses_a_stranger_does_not() -> None:
    """As in a debugger: each Python has the same ones."""
    code = """
import os, subprocess, sys
from memguard.test_run.own_mark import OwnMark
run = OwnMark(os.getpid())
if sys.argv[1] == "first":
    words = [sys.executable, "-c", sys.orig_argv[2], "other"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        stranger.stdout.readline()
        print(run.is_on(stranger.pid))
else:
    print("ready", flush=True)
    sys.stdin.read()
"""
    words = ["setarch", "-R", sys.executable, "-c", code, "first"]  # as long as the other: the stack begins below
    assert subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout == "False\n"


def test_a_stranger_does_not(mark: OwnMark) -> None:
    """Here it is a child with an environment of its own; its addresses differ, as those of every program do."""
    with Program({"PATH": os.environ["PATH"]}) as program:
        assert not mark.is_on(program.pid)


def test_who_was_there_before_does_not(mark: OwnMark) -> None:
    assert not mark.is_on(os.getppid())
    assert not mark.is_on(1)


def test_who_is_gone_does_not(mark: OwnMark) -> None:
    with Program() as program:
        pid = program.pid
    assert not mark.is_on(pid)


def test_a_run_inside_a_test_has_a_mark_of_its_own(mark: OwnMark) -> None:
    inner = OwnMark(os.getpid())
    inner.begin()
    with Program() as program:
        assert mark.is_on(program.pid)
        inner.end()
    with Program() as program:
        assert mark.is_on(program.pid)


def test_nothing_is_left_in_the_environment() -> None:
    before = dict(os.environ)
    mark = OwnMark(os.getpid())
    mark.begin()
    assert os.environ != before
    mark.end()
    mark.end()
    assert os.environ == before


def test_it_is_no_setting_of_memguards(mark: OwnMark) -> None:
    """An unknown variable that begins so is refused by every command."""
    assert mark
    assert not [name for name in os.environ if name.startswith("MEMGUARD_") and "TEST_RUN" in name]
