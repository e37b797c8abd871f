"""Python's warning about threads and `fork` is silenced where it could only mean ours, and nowhere else."""

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from memguard.test_run import fork_warning

TEXT = "This process (pid=123) is multi-threaded, use of fork() may lead to deadlocks in the child."


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A thread of ours runs, in a Python that warns."""
    monkeypatch.setattr(fork_warning, "_WARNS", True)
    monkeypatch.setattr(fork_warning, "_is_hooked", [True])
    monkeypatch.setattr(fork_warning, "_running", [])
    fork_warning.begin("ours")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield monkeypatch


def fork_with(threads: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a fork would be warned of, with so many threads."""
    monkeypatch.setattr(fork_warning, "_list", lambda _: ["thread"] * threads)
    fork_warning.before_fork()
    try:
        warnings.warn(TEXT, DeprecationWarning, stacklevel=1)
    except DeprecationWarning:
        return True
    return False


def test_our_thread_alone_is_no_reason_to_warn(watching: pytest.MonkeyPatch) -> None:
    assert not fork_with(2, watching)


def test_any_other_thread_is(watching: pytest.MonkeyPatch) -> None:
    assert fork_with(3, watching)
    assert not fork_with(2, watching)
    assert fork_with(3, watching)


def test_after_our_end_python_warns_as_ever(watching: pytest.MonkeyPatch) -> None:
    assert not fork_with(2, watching)
    fork_warning.end("ours")
    fork_warning.end("ours")
    assert fork_with(2, watching)


def test_a_block_that_restores_the_filters_does_not_bring_the_warning_back(watching: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        assert not fork_with(2, watching)
    assert not fork_with(2, watching)


def test_nothing_else_is_silenced(watching: pytest.MonkeyPatch) -> None:
    assert not fork_with(2, watching)
    with pytest.raises(DeprecationWarning):
        warnings.warn("something else is deprecated", DeprecationWarning, stacklevel=1)


def test_where_threads_can_not_be_counted_python_warns(watching: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> list[str]:
        raise PermissionError

    watching.setattr(fork_warning, "_list", refuse)
    fork_warning.before_fork()
    with pytest.raises(DeprecationWarning):
        warnings.warn(TEXT, DeprecationWarning, stacklevel=1)


FORKS = """
import os, sys, threading, warnings
sys.path.insert(0, sys.argv[1])
from memguard.test_run.watch import Watch
def fork():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pid = os.fork()
        if not pid: os._exit(0)
        os.waitpid(pid, 0)
    print("warned" if caught else "quiet", flush=True)
def await_threads(count):  # for Python, a thread is over shortly before it is for the kernel
    while len(os.listdir("/proc/self/task")) > count: pass
watch = Watch()
watch.begin()
fork()
gate = threading.Event()
other = threading.Thread(target=gate.wait)
other.start()
fork()
gate.set()
other.join()
await_threads(2)
fork()
watch.end()
await_threads(1)
fork()
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python warns since 3.12")
def test_a_real_fork_under_watch_is_quiet_and_one_with_threads_is_not() -> None:
    root = os.path.dirname(os.path.dirname(os.path.dirname(fork_warning.__file__)))
    words = [sys.executable, "-I", "-S", "-c", FORKS, root]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["quiet", "warned", "quiet", "quiet"], done.stdout + done.stderr


def test_a_python_that_does_not_warn_gets_no_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_warning, "_WARNS", False)
    running: list[object] = []
    monkeypatch.setattr(fork_warning, "_running", running)
    fork_warning.begin(threading.current_thread())
    assert running == []
