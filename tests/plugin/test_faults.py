"""Tests that fork and forget, leave processes behind, end pytest itself, hold memory for a moment."""

from __future__ import annotations

import json
import os
import signal

import pytest

from memguard.test_run import STOPPED_EXIT_CODE
from tests.plugin.conftest import Run

pytest_plugins = ["pytester"]

FORKING = """
    import os
    from filling import fill

    def test_child_ends_itself():
        pid = os.fork()
        if not pid:
            held = fill(20)
            os._exit(0)
        os.waitpid(pid, 0)

    def test_child_goes_on_as_pytest():
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            names = os.listdir(".")
            assert not [name for name in names if name.startswith("memory.json.")]

    def test_next():
        pass
"""
DAEMONISING = """
    import os, time
    from filling import fill

    def test_leaves_a_daemon():
        if not os.fork():
            os.setsid()
            if os.fork():
                os._exit(0)
            with open("daemon.txt", "w") as file:
                file.write(str(os.getpid()))
            held = fill(140)
            time.sleep(600)
        os.wait()
        time.sleep(60)
"""
LEAVING = """
    import os, signal

    def test_before():
        pass

    def test_leaves():
        {how}
"""
BRIEF = """
    import pytest
    from filling import fill

    @pytest.mark.memguard(limit="100MB")
    def test_for_a_moment():
        fill(150)

    @pytest.mark.memguard(limit="100MB")
    def test_after_it():
        pass

    def test_none():
        pass
"""
EXHAUSTING = """
    import os, time
    from filling import fill

    def test_takes_everything():
        taken = []
        try:
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            held = fill(200)
            time.sleep(0.5)
        for descriptor in taken:
            os.close(descriptor)
        time.sleep(60)
        open("went-on.txt", "w").close()
"""


def test_a_child_that_a_test_forks_is_no_second_run(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=FORKING)
    done = run("--memguard-limit", "500M", "--memguard-report=memory.json")
    assert done.ret == 0
    assert done.stdout.str().count("peak ") == 1
    tests = json.loads((pytester.path / "memory.json").read_text())["tests"]
    assert [test["test"].partition("::")[2] for test in tests] == [
        "test_child_ends_itself",
        "test_child_goes_on_as_pytest",
        "test_next",
    ]


def test_a_daemon_that_a_test_leaves_counts(pytester: pytest.Pytester, run: Run) -> None:
    """It has no parent in the tree any more, and a process session of its own."""
    pytester.makepyfile(test_it=DAEMONISING)
    try:
        done = run("--memguard-limit", "150M")
        assert done.ret == 12
        assert done.duration < 30
    finally:
        pid = int((pytester.path / "daemon.txt").read_text())
        os.kill(pid, signal.SIGKILL)
    done.stdout.fnmatch_lines([f"largest processes: * (pid {pid}) 1?? MB*"])


@pytest.mark.parametrize(
    ("how", "code"),
    [("os._exit(5)", 5), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)],
    ids=["by os._exit", "as the kernel does"],
)
def test_a_test_that_ends_pytest_leaves_a_report_that_says_so(
    pytester: pytest.Pytester, run: Run, how: str, code: int
) -> None:
    pytester.makepyfile(test_it=LEAVING.format(how=how))
    (pytester.path / "memory.json").write_text("of a run before")
    done = run("--memguard-report=memory.json")
    assert done.ret == code
    assert json.loads((pytester.path / "memory.json").read_text())["outcome"] == "unfinished"


def test_what_is_held_for_a_moment_counts(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=BRIEF)
    done = run("--memguard-report=memory.json")
    done.assert_outcomes(passed=2, failed=1)
    report = json.loads((pytester.path / "memory.json").read_text())
    assert [verdict["test"] for verdict in report["over_limit"]] == ["test_it.py::test_for_a_moment"]
    grown = report["tests"][0]["peak_bytes"] - report["tests"][0]["start_bytes"]
    assert 142 * 1024**2 < grown < 158 * 1024**2
    assert report["tests"][1]["peak_bytes"] - report["tests"][1]["start_bytes"] < 5 * 1024**2
    assert report["kept"] == []


def test_a_test_without_a_descriptor_left_is_stopped_once_it_has_one(pytester: pytest.Pytester, run: Run) -> None:
    """Nothing can be opened then, be it to say who holds the memory or to import what says it."""
    pytester.makepyfile(test_it=EXHAUSTING)
    done = run("--memguard-limit", "150M")
    assert done.ret == STOPPED_EXIT_CODE
    done.stdout.fnmatch_lines(["*while running test_it.py::test_takes_everything, which had added *"])
    assert not (pytester.path / "went-on.txt").exists()


def test_a_report_that_cannot_be_written_is_said(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("def test_it(): pass")
    (pytester.path / "file").write_text("")
    done = run("--memguard-report=file/memory.json")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["memguard: *file/memory.json can't be written: *"])
