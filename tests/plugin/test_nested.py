"""pytest inside a test of pytest: neither run disturbs the other."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Run

pytest_plugins = ["pytester"]

INNER = '''
INNER = """
import time
from filling import fill

HELD = []

def test_inner_leak():
    for _ in range(100):
        HELD.append(fill(10))
        time.sleep(0.01)

def test_inner_next():
    pass
"""
'''
OUTER = """
    import signal, threading, time
    import pytest
    import filling
    from inner import INNER

    pytest_plugins = ["pytester"]

    def run_inner(pytester, how, *words):
        pytester.makepyfile(filling=open(filling.__file__).read(), test_inner=INNER)
        return getattr(pytester, how)("-p", "memguard", *words)

    @pytest.mark.parametrize("how", ["runpytest_inprocess", "runpytest_subprocess"])
    def test_the_inner_run_is_stopped(pytester, how):
        before = signal.getsignal(signal.SIGURG), threading.active_count()
        done = run_inner(pytester, how, "--memguard-limit", "150M")
        assert done.ret == 12
        assert done.parseoutcomes() == {"failed": 1}
        assert (signal.getsignal(signal.SIGURG), threading.active_count()) == before

    def test_an_inner_run_that_did_not_ask_is_quiet(pytester, monkeypatch):
        monkeypatch.setenv("CLAUDECODE", "1")
        done = run_inner(pytester, "runpytest_subprocess", "-k", "next")
        assert done.ret == 0
        assert "memguard:" not in done.stdout.str()

    def test_the_outer_run_is_still_watched():
        held = []
        for _ in range(100):
            held.append(filling.fill(20))
            time.sleep(0.01)
"""


def test_a_run_inside_a_test_leaves_the_outer_one_alone(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(inner=INNER, test_outer=OUTER)
    done = run("--memguard-limit", "350M")
    assert done.ret == 12
    done.assert_outcomes(passed=3, failed=1)
    done.stdout.fnmatch_lines(["while running test_outer.py::test_the_outer_run_is_still_watched, *"])


def test_a_run_in_the_process_of_a_test_leaves_the_outer_ones_mark(pytester: pytest.Pytester, run: Run) -> None:
    """By it a program is found that has left the tree before anybody looked."""
    pytester.makepyfile(
        """
        import os

        pytest_plugins = ["pytester"]

        def marks():
            return {name for name in os.environ if name.startswith("_MEMGUARD")}

        def test_outer(pytester):
            pytester.makepyfile("import os\\ndef test_inner(): print([n for n in os.environ if n.startswith('_MEMG')])")
            before = marks()
            assert len(before) == 1
            done = pytester.runpytest_inprocess("-p", "memguard", "--memguard", "-s")
            assert done.stdout.str().count("_MEMGUARD") == 2
            assert marks() == before
        """
    )
    run("--memguard").assert_outcomes(passed=1)


@pytest.mark.usefixtures("run")
def test_runs_that_a_runner_forks_do_not_count_each_other(pytester: pytest.Pytester) -> None:
    """Both have the runner's addresses, and neither is below the other."""
    pytester.makepyfile(
        runner="""
            import os, sys, pytest
            from waiting import wait_for

            def start(*words):
                pid = os.fork()
                if not pid:
                    code = pytest.main(["-p", "memguard", *words])
                    sys.stdout.flush()
                    os._exit(code)
                return pid

            watched = start("--memguard-limit", "150M", "test_watched.py")
            wait_for("begun")
            large = start("test_large.py")
            print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in (watched, large)])
        """,
        waiting="""
            import os, time

            def wait_for(path):
                deadline_s = time.monotonic() + 30
                while not os.path.exists(path) and time.monotonic() < deadline_s:
                    time.sleep(0.01)

            def touch(path):
                open(path, "w").close()
        """,
        test_watched="""
            import subprocess
            from waiting import touch, wait_for

            def test_watched():
                touch("begun")
                wait_for("holds")
                for _ in range(5):  # who has started a program looks for who has left
                    subprocess.run(["sleep", "0.1"])

            def test_next():
                touch("looked")
        """,
        test_large="""
            from filling import fill
            from waiting import touch, wait_for

            def test_large():
                held = fill(200)
                touch("holds")
                wait_for("looked")
        """,
    )
    done = pytester.runpython(pytester.path / "runner.py")
    assert "[0, 0]" in done.outlines


def test_the_outer_limit_ends_a_run_inside_a_test(pytester: pytest.Pytester, run: Run) -> None:
    """The inner run has no limit, and goes on in a process of its own."""
    pytester.makepyfile(
        inner=INNER,
        test_outer="""
            import filling
            from inner import INNER

            pytest_plugins = ["pytester"]

            def test_outer(pytester):
                pytester.makepyfile(filling=open(filling.__file__).read(), test_inner=INNER)
                pytester.runpytest_subprocess()
        """,
    )
    done = run("--memguard-limit", "200M")
    assert done.ret == 12
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["while running test_outer.py::test_outer, *"])
