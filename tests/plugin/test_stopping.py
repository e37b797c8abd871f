"""Over a limit: what is interrupted, what isn't, and that everything else happens as at any other end of a run."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from memguard.test_run import STOPPED_EXIT_CODE
from tests.plugin.conftest import Run
from tests.plugin.suites import IN_AN_IMPORT, LEAKING

pytest_plugins = ["pytester"]

LIMIT = ("--memguard-limit", "150M")

BLOCKED = """
    import subprocess, sys, time

    def test_waits_for_a_child():
        subprocess.run([sys.executable, "-c", "import time, filling; held = filling.fill(140); time.sleep(600)"])

    def test_next():
        pass
"""
SWALLOWING = """
    import time
    from filling import fill

    def test_swallows():
        held = []
        for _ in range(2):
            try:
                while True:
                    held.append(fill(22 if len(held) < 6 else 0))
                    time.sleep(0.01)
            except {caught}:
                pass
        open("ended.txt", "w").close()

    def test_next():
        pass
"""
IN_A_TEARDOWN = """
    import pytest, time
    from filling import fill

    @pytest.fixture
    def large():
        yield
        held = fill(150)
        time.sleep(0.5)
        open("torn-down.txt", "w").close()

    def test_it(large):
        pass

    def test_next():
        pass
"""
IN_A_SETUP = """
    import pytest, time
    from filling import fill

    @pytest.fixture(scope="session")
    def outer():
        yield
        open("torn-down.txt", "w").close()

    @pytest.fixture
    def large(outer):
        held = fill(150)
        time.sleep(60)

    def test_it(large):
        pass

    def test_next():
        pass
"""
EXPECTED_TO_FAIL = """
    import pytest, time
    from filling import fill

    @pytest.mark.xfail
    @pytest.mark.memguard(limit="40M")
    def test_expected():
        held = fill(60)
        time.sleep(60)

    @pytest.mark.memguard(limit="40M")
    def test_skipped_late():
        held = fill(60)
        try:
            time.sleep(60)
        except BaseException:
            pytest.skip("not today")
"""
OF_UNITTEST = """
    import time, unittest
    from filling import fill

    class TestIt(unittest.TestCase):
        def tearDown(self):
            open("torn-down.txt", "w").close()

        def test_large(self):
            held = fill(150)
            time.sleep(60)

        def test_next(self):
            pass
"""

WITH_SUBTESTS = """
    import pytest, time, unittest
    from filling import fill

    class TestIt(unittest.TestCase):
        @pytest.mark.memguard(limit="40M")
        def test_parts(self):
            for number in range(3):
                with self.subTest(number=number):
                    held = fill(60 if number else 1)
            time.sleep(0.2)
            held = None

        def test_without(self):
            pass
"""


def test_the_run_is_stopped_in_order(pytester: pytest.Pytester, run: Run) -> None:
    """Fixtures torn down, reports written, the test named; and nothing runs after it."""
    pytester.makepyfile(test_it=LEAKING)
    done = run(*LIMIT, "--junitxml=junit.xml", "--memguard-report=memory.json", "-v")
    assert done.ret == STOPPED_EXIT_CODE == 12
    done.stdout.re_match_lines(
        [
            r"memguard: the run may hold 150 MB \(--memguard-limit\)",
            r"(E +)?MemoryLimitExceeded: the test run held (1[5-9]\d MB|a little over 150 MB), its limit is 150 MB",
            r"(E +)?this test added \d+ MB; .*",
            r"(E +)?largest processes: .* \(pid \d+\) 1[5-9]\d MB",
            r"=+ memguard =+",
            r"STOPPED \(exit code 12\): the test run held .*, its limit is 150 MB \(--memguard-limit\)",
            r"while running test_it.py::test_leak\[\d\], which had added \d+ MB",
            r"largest processes: .*",
            r"peak .* MB \(limit 150 MB\), highest in test_it.py::test_leak\[\d\]",
            r"grew most and never gave it back:",
            r" +\+\d+ MB  test_it.py::test_leak \(\d cases, most 2\d MB by \[\d\]\)",
            r"growth per hundred tests: 2\.\d GB, over \d tests",
            r"next: pytest test_it.py::test_leak --memguard",
            r"!+ Interrupted: memguard: the test run held .*",
        ]
    )
    failed = [line.split()[0] for line in done.outlines if " FAILED " in line]
    passed = [line.split()[0] for line in done.outlines if " PASSED " in line]
    assert len(failed) == 1
    assert len(passed) < 8
    torn_down = (pytester.path / "torn-down.txt").read_text().split()
    assert torn_down == ["step"] * (len(passed) + 1) + ["service"]
    report = json.loads((pytester.path / "memory.json").read_text())
    assert report["outcome"] == "stopped"
    assert report["stopped"]["test"] == failed[0]
    suite = ET.parse(pytester.path / "junit.xml").getroot()[0]  # noqa: S314 -- written by this very test
    assert suite.attrib["failures"] == "1"
    properties = {found.attrib["name"]: found.attrib["value"] for found in suite.iter("property")}
    assert properties["memguard.stopped_in"] == failed[0]
    assert int(properties["memguard.limit_bytes"]) == 150 * 1024**2


def test_a_blocked_test_is_interrupted_and_its_child_is_named(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=BLOCKED)
    done = run(*LIMIT)
    assert done.ret == 12
    assert done.duration < 30
    done.assert_outcomes(failed=1)
    done.stdout.re_match_lines([r"while running test_it.py::test_waits_for_a_child, which had added 1\d\d MB"])
    done.stdout.re_match_lines([r"largest processes: \S+ \(pid \d+\) 1\d\d MB, \S+ \(pid \d+\) \d\d MB"])


def test_except_exception_does_not_swallow_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=SWALLOWING.format(caught="Exception"))
    done = run(*LIMIT)
    assert done.ret == 12
    done.assert_outcomes(failed=1)
    assert not (pytester.path / "ended.txt").exists()


def test_a_test_that_swallows_it_is_interrupted_again(pytester: pytest.Pytester, run: Run) -> None:
    """And where it swallows that, too, it fails when it ends."""
    pytester.makepyfile(test_it=SWALLOWING.format(caught="BaseException"))
    done = run(*LIMIT)
    assert done.ret == 12
    assert (pytester.path / "ended.txt").exists()
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["MemoryLimitExceeded: the test run held *", "FAILED test_it.py::test_swallows*"])


def test_a_teardown_is_never_interrupted(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=IN_A_TEARDOWN)
    done = run(*LIMIT)
    assert done.ret == 12
    assert (pytester.path / "torn-down.txt").exists()
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["MemoryLimitExceeded: the test run held *", "while running test_it.py::test_it, *"])


def test_a_setup_is_interrupted(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=IN_A_SETUP)
    done = run(*LIMIT)
    assert done.ret == 12
    assert done.duration < 30
    assert (pytester.path / "torn-down.txt").exists()
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*MemoryLimitExceeded: the test run held *", "while running test_it.py::test_it, *"])


def test_an_import_is_interrupted(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=IN_AN_IMPORT)
    done = run(*LIMIT)
    assert done.ret == 12
    assert done.duration < 30
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*MemoryLimitExceeded: the test run held *", "while importing test_it.py, *"])


def test_neither_xfail_nor_skip_hides_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=EXPECTED_TO_FAIL)
    done = run("--memguard")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.assert_outcomes(failed=2)
    done.stdout.re_match_lines([r"over its limit: test_it.py::test_expected added (5|6)\d MB of 40 MB"])


def test_a_test_of_unittest_is_interrupted(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=OF_UNITTEST)
    done = run(*LIMIT)
    assert done.ret == 12
    assert done.duration < 30
    assert (pytester.path / "torn-down.txt").exists()
    done.assert_outcomes(failed=1)


def test_the_parts_of_a_test_count_together(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=WITH_SUBTESTS)
    done = run("--memguard-report=memory.json")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert done.parseoutcomes()["passed"] >= 1
    report = json.loads((pytester.path / "memory.json").read_text())
    assert [verdict["test"] for verdict in report["over_limit"]] == ["test_it.py::TestIt::test_parts"]
    assert [test["test"].rpartition("::")[2] for test in report["tests"]] == ["test_parts", "test_without"]
    done.stdout.fnmatch_lines(["FAILED test_it.py::TestIt::test_parts - *"])


def test_the_exit_code_stands_with_exitfirst(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=LEAKING)
    assert run(*LIMIT, "-x").ret == 12


def test_a_limit_below_what_python_holds_stops_at_once(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=LEAKING)
    done = run("--memguard-limit", "1M")
    assert done.ret == 12
    assert "passed" not in done.parseoutcomes()
