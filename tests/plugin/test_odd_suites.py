"""Over a limit in suites that do odd things: replace the environment, clean up in unittest, begin tests anew."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Run

pytest_plugins = ["pytester"]

LIMIT = ("--memguard-limit", "150M")

BLOCKED_AT_ONCE = """
    import time
    from filling import fill

    def test_large():
        held = fill(140)
        time.sleep(60)

    def test_small():
        held = fill(40)
        time.sleep(4)
"""
WITHOUT_ENVIRONMENT = """
    import os, pytest, time
    from unittest import mock
    from filling import fill

    @pytest.mark.parametrize("number", range(2))
    def test_bare(number):
        with mock.patch.dict(os.environ, {}, clear=True):
            held = fill(120)
            time.sleep(60)
"""
SWALLOWED_WITHOUT_ENVIRONMENT = """
    import os, pytest, time
    from unittest import mock
    from filling import fill

    @pytest.mark.memguard(limit="50MB")
    def test_bare(monkeypatch):
        monkeypatch.setattr(os, "getpid", lambda: 4)
        with mock.patch.dict(os.environ, {}, clear=True):
            held = fill(80)
            try:
                time.sleep(60)
            except BaseException:
                pass
"""
CLEANING_UP = """
    import time, unittest
    from filling import fill

    class TestIt(unittest.TestCase):
        def setUp(self):
            self.addCleanup(self.clean)

        def clean(self):
            time.sleep(1.5)
            open("cleaned-up.txt", "w").close()

        def tearDown(self):
            time.sleep(1.5)
            open("torn-down.txt", "w").close()

        def test_large(self):
            self.held = fill(150)
            time.sleep(60)
"""
# As pytest-rerunfailures does: the three reports come when the test is over, and one that failed is begun anew.
BEGINNING_ANEW = """
    import pytest
    from _pytest.runner import runtestprotocol

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(item, nextitem):
        hook = item.ihook
        for attempt in range(3):
            hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            for report in reports:
                hook.pytest_runtest_logreport(report=report)
            hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            if not any(report.failed for report in reports):
                break
        return True
"""
FLAKY = """
    import time
    from filling import fill

    def test_large():
        with open("attempts.txt", "a") as file:
            file.write("one ")
        held = fill(150)
        time.sleep(60)
"""


def test_the_test_of_the_largest_worker_ends_though_it_blocks(pytester: pytest.Pytester, run_distributed: Run) -> None:
    """The signal may come when it has not begun to wait yet, and then nothing ends the wait."""
    pytester.makepyfile(test_it=BLOCKED_AT_ONCE)
    done = run_distributed("--memguard-limit", "200M")
    assert done.ret == 12
    assert done.duration < 30
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["FAILED test_it.py::test_large - MemoryLimitExceeded: *"])


def test_workers_may_have_any_name(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=BLOCKED_AT_ONCE)
    pytest.importorskip("xdist")
    workers = ("-p", "xdist", "--dist", "load", "--tx", "popen//id=my-one", "--tx", "popen//id=my_two")
    done = run(*workers, "--memguard-limit", "200M")
    assert done.ret == 12
    assert done.duration < 30
    done.stdout.re_match_lines([r"while running test_it.py::test_large in my.(one|two), .*"])


@pytest.mark.parametrize("words", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "with xdist"])
def test_a_test_without_an_environment_is_interrupted_and_named(
    pytester: pytest.Pytester, run: Run, words: tuple[str, ...]
) -> None:
    if words:
        pytest.importorskip("xdist")
    pytester.makepyfile(test_it=WITHOUT_ENVIRONMENT)
    done = run(*words, "--memguard-limit", "130M")
    assert done.ret == 12
    assert done.duration < 30
    done.stdout.re_match_lines([r"while running test_it.py::test_bare\[\d\].*, which had added 1\d\d MB"])


def test_one_that_hides_itself_and_swallows_the_interruption_fails_all_the_same(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_it=SWALLOWED_WITHOUT_ENVIRONMENT)
    done = run("--memguard")
    done.assert_outcomes(failed=1)
    done.stdout.re_match_lines([r"over its limit: test_it.py::test_bare added \d\d MB of 50 MB"])


def test_the_clean_up_of_unittest_is_never_interrupted(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=CLEANING_UP)
    done = run(*LIMIT)
    assert done.ret == 12
    done.assert_outcomes(failed=1)
    assert (pytester.path / "torn-down.txt").exists()
    assert (pytester.path / "cleaned-up.txt").exists()


def test_a_test_that_is_begun_anew_does_not_run_again(pytester: pytest.Pytester, run: Run) -> None:
    """And the report that fails is that of its call."""
    pytester.makepyfile(test_it=FLAKY)
    pytester.makeconftest(BEGINNING_ANEW)
    done = run(*LIMIT)
    assert done.ret == 12
    assert done.duration < 30
    assert (pytester.path / "attempts.txt").read_text() == "one "
    done.assert_outcomes(failed=1, errors=2)
    done.stdout.fnmatch_lines(["FAILED test_it.py::test_large - MemoryLimitExceeded: *"])
