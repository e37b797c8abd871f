"""What a person can ask for, and how they are told that they asked for something that can't be meant."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import textwrap

import pytest

from memguard.host.capacity import capacity_bytes
from tests.plugin.conftest import Run
from tests.plugin.suites import LEAKING, STEADY

pytest_plugins = ["pytester"]

NOT_ACTIVE = """
    import signal, sys, threading

    def test_nothing_is_there(pytestconfig):
        engine = [name for name in sys.modules if name.startswith("memguard.") and name != "memguard.pytest_plugin"]
        assert set(engine) <= {f"memguard.test_run{name}" for name in ("", ".session_budget", ".marked")}
        assert threading.active_count() == 1
        assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
        names = [name for name, _ in pytestconfig.pluginmanager.list_name_plugin()]
        assert [name for name in names if "memguard" in name] == ["memguard"]
"""
MARKED = """
    import pytest, time
    from filling import fill

    @pytest.mark.memguard(limit="60MB")
    def test_over():
        held = []
        for _ in range(100):
            held.append(fill(5))
            time.sleep(0.02)

    @pytest.mark.memguard(limit="60MB")
    def test_below():
        held = fill(30)

    def test_without_limit():
        held = fill(90)
"""
BADLY_MARKED = """
    import pytest

    @pytest.mark.memguard(limit="lots")
    def test_no_size(): pass

    @pytest.mark.memguard(limit="0MB")
    def test_zero(): pass

    @pytest.mark.memguard(limit=200)
    def test_number(): pass

    @pytest.mark.memguard
    def test_nothing(): pass

    @pytest.mark.memguard(size="1GB")
    def test_other_word(): pass

    @pytest.mark.memguard("40MB", limit="40MB")
    def test_two(): pass

    @pytest.mark.memguard("1GB")
    def test_by_position(): pass

    def test_unmarked(): pass
"""
CLOSEST = """
    import pytest
    from filling import fill

    pytestmark = pytest.mark.memguard(limit="20MB")

    class TestLarge:
        pytestmark = pytest.mark.memguard(limit="1GB")

        def test_of_the_class(self):
            held = fill(40)

        @pytest.mark.memguard(limit="30MB")
        def test_its_own(self):
            held = fill(40)

    def test_of_the_module():
        held = fill(40)
"""


def test_importing_the_plugin_loads_nothing_else() -> None:
    script = (
        "import os, sys, pytest; before = set(sys.modules); import memguard.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['memguard', 'memguard.pytest_plugin']"


def test_quiet_when_not_asked_for(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(NOT_ACTIVE)
    done = run()
    done.assert_outcomes(passed=1)
    assert "memguard:" not in done.stdout.str() + done.stderr.str()
    done.stdout.no_fnmatch_line("*= memguard =*")


def test_measures_without_a_limit(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=LEAKING.replace("range(40)", "range(4)"))
    done = run("--memguard")
    assert done.ret == 0
    done.stdout.fnmatch_lines(
        ["*= memguard =*", "peak * MB, highest in test_it.py::test_leak?3?", "grew most and never gave it back:"]
    )
    done.stdout.re_match_lines(
        [r" +\+(8[5-9]|9\d) MB  test_it.py::test_leak \(4 cases.*", r"growth per hundred tests: 2.* GB"]
    )


@pytest.mark.parametrize("folder", ["", "sub", "other"])
def test_what_is_to_be_run_next_can_be_typed_where_pytest_was_started(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    for name in ("sub", "other"):
        pytester.mkdir(name)
    (pytester.path / "sub/test_it's.py").write_text(textwrap.dedent(LEAKING))
    pytester.makeini("[pytest]\npythonpath = .\n")
    monkeypatch.chdir(pytester.path / folder)
    done = run("--memguard-limit", "150M", f"{pytester.path}/sub")
    assert done.ret == 12
    [advice] = [line for line in done.outlines if line.startswith("next: pytest ")]
    again = run(*shlex.split(advice)[2:], "-k", "1")
    assert again.ret == 0
    assert again.parseoutcomes()["passed"] > 1


def test_a_report_to_stdout_begins_on_a_line_of_its_own(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(STEADY)
    done = run("--memguard-report", "/dev/stdout")
    assert done.ret == 0
    report = done.outlines[done.outlines.index("{") : done.outlines.index("}") + 1]
    assert len(json.loads("\n".join(report))["tests"]) == 2
    assert "can't be written" not in done.stdout.str()


def test_a_steady_suite_gets_two_lines(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=STEADY)
    done = run("--memguard-limit", "500M")
    assert done.ret == 0
    done.stdout.fnmatch_lines(
        [
            "memguard: the run may hold 500 MB (--memguard-limit)",
            "*= memguard =*",
            "peak * MB (limit 500 MB)*",
            "no test kept*",
        ]
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lots", "'lots' is not a size"),
        ("", "the limit is empty"),
        ("0", "'0' has no unit"),
        ("0MB", "'0MB' is not above zero"),
        ("-1GB", "'-1GB' is not a size"),
        ("300", "'300' has no unit"),
        ("1e9GB", "'1e9GB' is not a size"),
        ("nan", "'nan' is not a size"),
        ("1.2.3MB", "'1.2.3MB' is not a number"),
        ("0.0001B", "'0.0001B' is less than a byte"),
        ("4 G B", "'4 G B' is not a size"),
        ("9" * 400 + "G", "is too large"),
        ("99999TB", "is more than this host has"),
    ],
)
def test_a_limit_that_is_none_is_refused_in_one_line(pytester: pytest.Pytester, text: str, said: str) -> None:
    pytester.makepyfile(STEADY)
    done = pytester.runpytest_inprocess(f"--memguard-limit={text}")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "passed" not in done.stdout.str()
    errors = [line for line in done.stderr.lines if line]
    assert len(errors) == 1
    assert errors[0].startswith("ERROR: --memguard-limit: ")
    assert said in errors[0]


def test_the_ini_file_sets_the_limit(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=LEAKING)
    pytester.makeini("[pytest]\nmemguard_limit = 150M\n")
    done = run()
    assert done.ret == 12
    done.stdout.fnmatch_lines(["STOPPED (exit code 12): *, its limit is 150 MB (memguard_limit)"])


def test_the_option_counts_before_the_ini_file(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(STEADY)
    pytester.makeini("[pytest]\nmemguard_limit = 1M\n")
    done = run("--memguard-limit", "500M")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["memguard: the run may hold 500 MB (--memguard-limit)"])


@pytest.mark.parametrize("text", ["lots", "0M", "300"])
def test_an_ini_limit_that_is_none_is_refused_in_one_line(pytester: pytest.Pytester, text: str) -> None:
    pytester.makepyfile(STEADY)
    pytester.makeini(f"[pytest]\nmemguard_limit = {text}\n")
    done = pytester.runpytest_inprocess()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert next(line for line in done.stderr.lines if line).startswith(f"ERROR: memguard_limit: '{text}' ")


def test_an_ini_limit_above_the_host_is_said_and_no_more(pytester: pytest.Pytester, run: Run) -> None:
    """The file is for every machine that the project is tested on."""
    pytester.makepyfile(STEADY)
    pytester.makeini(f"[pytest]\nmemguard_limit = {capacity_bytes() // 1024**3 + 1}G\n")
    done = run()
    assert done.ret == 0
    done.stdout.fnmatch_lines(["memguard: memguard_limit: * is more than this host has (* GB), so it won't be reached"])


def test_a_test_over_its_own_limit_fails(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=MARKED)
    done = run("--strict-markers")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.re_match_lines(
        [
            r"(E +)?MemoryLimitExceeded: this test added (a little over 60|[6-9]\d) MB, its limit is 60 MB",
            r"(E +)?the process tree held 1?\d\d MB, and \d\d MB when the test began",
            r"(E +)?largest processes: .+ \(pid \d+\) 1?\d\d MB",
            r"FAILED test_it.py::test_over - MemoryLimitExceeded: .*",
        ]
    )
    done.stdout.no_fnmatch_line("*= memguard =*")  # a marker asks for one test, not for a summary


def test_the_closest_marker_counts(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(CLOSEST)
    done = run("-rA")
    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(["PASSED *::TestLarge::test_of_the_class"])


def test_a_marker_that_is_none_fails_its_test_in_one_line(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(BADLY_MARKED)
    done = run()
    done.assert_outcomes(passed=2, errors=6)
    for said in ("'lots' is not a size", "'0MB' is not above zero", "200 is no text", "the marker takes one limit"):
        done.stdout.fnmatch_lines([f"marker memguard: {said}: write *"])
    done.stdout.no_fnmatch_line("*Error*")


def test_a_marker_above_the_host_is_a_warning(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.memguard(limit='9999TB')\ndef test_it(): pass")
    done = run()
    done.assert_outcomes(passed=1, warnings=1)
    done.stdout.fnmatch_lines(["*marker memguard: * is more than this host has (*), so it won't be reached"])


@pytest.mark.usefixtures("run")
def test_it_can_be_switched_off(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is in every environment with memguard in it: pytest finds it by its entry point."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    pytester.makepyfile(test_it=LEAKING.replace("range(40)", "range(8)"))
    pytester.makeini("[pytest]\nmemguard_limit = 150M\n")
    assert pytester.runpytest_subprocess().ret == 12
    done = pytester.runpytest_subprocess("-p", "no:memguard")
    assert done.ret == 0
    assert done.parseoutcomes()["passed"] == 9
    done.stdout.no_fnmatch_line("*= memguard =*")


@pytest.mark.parametrize("path", ["", "folder", "new/"])
def test_a_report_that_is_a_folder_is_refused(pytester: pytest.Pytester, path: str) -> None:
    pytester.makepyfile(STEADY)
    pytester.mkdir("folder")
    done = pytester.runpytest_inprocess(f"--memguard-report={path}")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert next(line for line in done.stderr.lines if line).startswith("ERROR: --memguard-report: ")
