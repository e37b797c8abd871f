"""In a guarded session nobody asks: the session does. What the plugin makes of what it allows.

How that is found out is tested in `tests/unit/test_run`.
"""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Run
from tests.plugin.suites import BEFORE_THE_BUDGET, LEAKING, STEADY

pytest_plugins = ["pytester"]


def test_the_run_is_stopped_before_the_budget(pytester: pytest.Pytester, inside: Run) -> None:
    pytester.makepyfile(test_it=LEAKING)
    done = inside("200")
    assert done.ret == 12
    done.stdout.fnmatch_lines(BEFORE_THE_BUDGET)


@pytest.mark.parametrize("megabytes", ["500", "0"], ids=["with a budget", "without"])
def test_nothing_is_said_at_the_end_where_nothing_is_notable(
    pytester: pytest.Pytester, inside: Run, megabytes: str
) -> None:
    pytester.makepyfile(STEADY)
    done = inside(megabytes)
    assert done.ret == 0
    done.stdout.no_fnmatch_line("*= memguard =*")


def test_without_a_budget_it_says_who_kept_much(pytester: pytest.Pytester, inside: Run) -> None:
    pytester.makepyfile(test_it=LEAKING.replace("range(40)", "range(4)"))
    done = inside("0")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*= memguard =*", "*MB  test_it.py::test_leak (4 cases, *"])
    done.stdout.no_fnmatch_line("memguard: the run may hold*")


def test_a_run_inside_a_test_is_left_alone(pytester: pytest.Pytester, inside: Run) -> None:
    pytester.makepyfile(test_it=LEAKING.replace("range(40)", "range(8)"))
    done = inside("200", is_nested=True)
    assert done.ret == 0
    done.stdout.no_fnmatch_line("*memguard:*")
