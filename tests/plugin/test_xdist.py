"""The same by several workers of xdist: workers measure and report, the controller judges the whole tree."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from tests.plugin.conftest import Run
from tests.plugin.suites import BEFORE_THE_BUDGET, IN_AN_IMPORT
from tests.plugin.suites import LEAKING as LEAKING_AT_ONCE

pytest_plugins = ["pytester"]

LIMIT = ("--memguard-limit", "200M")

# A test that ends between the controller's look and its word is not interrupted: nothing runs then.
LEAKING = LEAKING_AT_ONCE.replace("HELD.append(fill(22))", "HELD.append(fill(22)); import time; time.sleep(0.2)")
UNENDING = """
    import time
    from filling import fill

    def test_takes_all():
        held = fill({megabytes})
        time.sleep(600)

    def test_takes_little():
        time.sleep(0.1)
"""
TOGETHER = """
    import time
    from filling import fill

    KEPT = []

    def test_small():
        held = fill(60)
        time.sleep({seconds})

    def test_large():
        try:
            held = fill(100)
            time.sleep(60)
        finally:
            KEPT.append(fill({kept}))
"""
CRASHING = """
    import os, pytest
    from filling import fill

    HELD = []

    @pytest.mark.parametrize("number", range(6))
    def test_it(number):
        HELD.append(fill(20))
        if number == 4:
            os._exit(1)
"""
MARKED = """
    import pytest, time
    from filling import fill

    @pytest.mark.memguard(limit="40MB")
    def test_over():
        held = fill(60)
        time.sleep(60)

    def test_other():
        pass
"""


def test_the_run_is_stopped_in_order_with_the_same_exit_code(pytester: pytest.Pytester, run_distributed: Run) -> None:
    pytester.makepyfile(test_it=LEAKING)
    done = run_distributed(*LIMIT, "--junitxml=junit.xml", "--memguard-report=memory.json")
    assert done.ret == 12
    done.stdout.re_match_lines(
        [
            r"memguard: the run may hold 200 MB \(--memguard-limit\)",
            r"(E +)?MemoryLimitExceeded: the test run held .*, its limit is 200 MB",
            r"=+ memguard =+",
            r"STOPPED \(exit code 12\): the test run held .*, its limit is 200 MB \(--memguard-limit\)",
            r"while running test_it.py::test_leak\[\d+\] in gw[01], which had added \d+ MB",
            r"largest processes: (\S+ \(pid \d+\) \d+ MB(, )?){3}",
            r"peak \d+ MB \(limit 200 MB\), highest in test_it.py::test_leak\[\d+\]: \d+ MB of it in gw[01]",
            r" +\+\d+ MB  test_it.py::test_leak \(\d+ cases, most 2\d MB by \[\d+\]\)",
            r"!+ .*Interrupted: memguard: the test run held .*",
        ]
    )
    outcomes = done.parseoutcomes()
    assert outcomes["passed"] < 12
    torn_down = (pytester.path / "torn-down.txt").read_text().split()
    assert torn_down.count("service") == 2
    assert torn_down.count("step") == sum(outcomes.values())
    report = json.loads((pytester.path / "memory.json").read_text())
    assert report["outcome"] == "stopped"
    assert report["stopped"]["worker"] in {"gw0", "gw1"}
    assert {test["worker"] for test in report["tests"]} == {"gw0", "gw1"}
    assert len(report["tests"]) == sum(outcomes.values())
    suite = ET.parse(pytester.path / "junit.xml").getroot()[0]  # noqa: S314 -- written by this very test
    names = {found.attrib["name"] for found in suite.iter("property")}
    assert {"memguard.peak_bytes", "memguard.limit_bytes", "memguard.stopped_in"} <= names


@pytest.mark.parametrize("megabytes", [150, 180], ids=["with the others", "alone"])
def test_a_test_that_never_ends_is_interrupted(pytester: pytest.Pytester, run_distributed: Run, megabytes: int) -> None:
    pytester.makepyfile(test_it=UNENDING.format(megabytes=megabytes))
    done = run_distributed(*LIMIT)
    assert done.ret == 12
    assert done.duration < 30
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["FAILED test_it.py::test_takes_all - MemoryLimitExceeded: *"])
    done.stdout.re_match_lines([r"while running test_it.py::test_takes_all in gw\d, which had added 1[0-9]\d MB"])


def test_a_test_that_is_over_before_it_can_be_interrupted_is_named(
    pytester: pytest.Pytester, run_distributed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left of the folder by which the controller reaches its workers."""
    folder = pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    pytester.makepyfile(test_it=LEAKING_AT_ONCE)
    done = run_distributed(*LIMIT)
    assert done.ret == 12
    assert done.parseoutcomes()["passed"] < 25
    done.stdout.re_match_lines([r"(while running|right after) test_it.py::test_leak\[\d+\] in gw\d, which had added.*"])
    assert [path.name for path in folder.iterdir() if path.name.startswith("memguard")] == []


def test_only_the_largest_is_interrupted_where_that_is_enough(pytester: pytest.Pytester, run_distributed: Run) -> None:
    pytester.makepyfile(test_it=TOGETHER.format(seconds=3, kept=0))
    done = run_distributed(*LIMIT)
    assert done.ret == 12
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["FAILED test_it.py::test_large - MemoryLimitExceeded: *"])


def test_the_next_is_interrupted_where_that_is_not_enough(pytester: pytest.Pytester, run_distributed: Run) -> None:
    """The first one keeps more than it is to give back."""
    pytester.makepyfile(test_it=TOGETHER.format(seconds=60, kept=150))
    done = run_distributed(*LIMIT)
    assert done.ret == 12
    assert done.duration < 30
    done.assert_outcomes(failed=2)


def test_a_test_over_its_own_limit_fails(pytester: pytest.Pytester, run_distributed: Run) -> None:
    pytester.makepyfile(test_it=MARKED)
    done = run_distributed()
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.re_match_lines([r"(E +)?MemoryLimitExceeded: this test added (5|6)\d MB, its limit is 40 MB"])
    done.stdout.no_fnmatch_line("*= memguard =*")


def test_an_import_is_interrupted(pytester: pytest.Pytester, run_distributed: Run) -> None:
    """Before any test could report it."""
    pytester.makepyfile(test_it=IN_AN_IMPORT.replace("150", "250"))
    done = run_distributed(*LIMIT)
    assert done.ret == 12
    assert done.duration < 40
    done.stdout.fnmatch_lines(["*MemoryLimitExceeded: *", "STOPPED (exit code 12): *"])


def test_in_a_guarded_session_it_is_stopped_before_the_budget(pytester: pytest.Pytester, inside: Run) -> None:
    pytester.makepyfile(test_it=LEAKING)
    done = inside("200", "-p", "xdist", "-n", "2")
    assert done.ret == 12
    done.stdout.fnmatch_lines(BEFORE_THE_BUDGET)


def test_a_worker_that_crashes(pytester: pytest.Pytester, run_distributed: Run) -> None:
    """It is replaced by xdist; the run goes on, is watched, and says what it held."""
    pytester.makepyfile(test_it=CRASHING)
    done = run_distributed("--memguard-limit", "500M", "--memguard-report=memory.json")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    outcomes = done.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (5, 1)
    done.stdout.re_match_lines(
        [
            r"worker 'gw\d' crashed while running 'test_it.py::test_it\[4\]'",
            r"memguard: gw\d held \d+ MB before this test",
            r"a worker was lost in test_it.py::test_it\[4\]: gw\d held \d+ MB before this test",
        ]
    )
    report = json.loads((pytester.path / "memory.json").read_text())
    assert report["outcome"] == "finished"
    assert [crash["test"] for crash in report["crashed_workers"]] == ["test_it.py::test_it[4]"]
    assert len(report["tests"]) == 5


def test_where_nobody_asks_no_worker_measures(pytester: pytest.Pytester, run_distributed: Run) -> None:
    pytester.makepyfile(
        """
        import signal, threading

        def test_it(pytestconfig):
            assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
            assert not [thread for thread in threading.enumerate() if "memguard" in thread.name]
        """
    )
    run_distributed().assert_outcomes(passed=1)
