"""By the stack alone: where in pytest an exception may be raised."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, FunctionType

import pytest

from memguard.test_run.stack import is_interruptible

RUNNER, FIXTURES, PLUGINS = "_pytest.runner", "_pytest.fixtures", "pluggy._callers"
PHASE = [(RUNNER, "call_and_report"), (RUNNER, "from_call"), (RUNNER, "<lambda>"), (PLUGINS, "_multicall")]
COLLECTION = [(PLUGINS, "_multicall"), (RUNNER, "pytest_make_collect_report"), (RUNNER, "from_call")]

# Outermost first; the exception would be raised in the last.
ALLOWED = {
    "a call": [*PHASE, (RUNNER, "pytest_runtest_call"), ("test_it", "test_it")],
    "a call of unittest": [*PHASE, (RUNNER, "pytest_runtest_call"), ("unittest.case", "run")],
    "a setup": [*PHASE, (RUNNER, "pytest_runtest_setup"), (RUNNER, "setup"), (FIXTURES, "execute"), ("conftest", "a")],
    "an import": [*COLLECTION, (RUNNER, "collect"), ("_pytest.python", "importtestmodule"), ("test_it", "<module>")],
    "an import, older pytest": [*COLLECTION, (RUNNER, "<lambda>"), ("test_it", "<module>")],
    "a run inside a test": [*PHASE, (RUNNER, "pytest_runtest_call"), *PHASE, (RUNNER, "pytest_runtest_call")],
}
FORBIDDEN = {
    "a teardown": [*PHASE, (RUNNER, "pytest_runtest_teardown"), (RUNNER, "teardown_exact"), ("conftest", "a")],
    "a teardown inside a setup": [
        *PHASE,
        (RUNNER, "pytest_runtest_setup"),
        (FIXTURES, "execute"),
        (FIXTURES, "finish"),
        (FIXTURES, "_teardown_yield_fixture"),
        ("conftest", "a"),
    ],
    "a teardown of a run inside a test": [
        *PHASE,
        (RUNNER, "pytest_runtest_call"),
        *PHASE,
        (RUNNER, "pytest_runtest_teardown"),
    ],
    "a plugin's wrapper": [*PHASE, ("_pytest.capture", "pytest_runtest_call")],
    "a report": [
        (RUNNER, "call_and_report"),
        (PLUGINS, "_multicall"),
        ("_pytest.terminal", "pytest_runtest_logreport"),
    ],
    "between two tests": [("_pytest.main", "pytest_runtestloop")],
    "the report of an import": [(RUNNER, "pytest_make_collect_report"), ("_pytest.nodes", "repr_failure")],
    "the end of an import": [*COLLECTION, ("_pytest._code.code", "from_current")],
    "a teardown of unittest": [
        *PHASE,
        (RUNNER, "pytest_runtest_call"),
        ("unittest.case", "run"),
        ("unittest.case", "_callTearDown"),
        ("test_it", "tearDown"),
    ],
    "a clean-up of unittest": [
        *PHASE,
        (RUNNER, "pytest_runtest_call"),
        ("unittest.case", "run"),
        ("unittest.case", "doCleanups"),
        ("unittest.case", "_callCleanup"),
    ],
    "the prompt of a debugger": [*PHASE, (RUNNER, "pytest_runtest_call"), ("test_it", "test_it"), ("pdb", "cmdloop")],
    "no stack": [],
}


def _answer(stack: list[tuple[str, str]]) -> bool:
    """What is said of a real stack of functions with these modules and names."""
    answers: list[bool] = []

    def ask() -> None:
        answers.append(is_interruptible(_cut(sys._getframe().f_back, len(stack))))

    function: Callable[[], None] = ask
    for module, name in reversed(stack):
        function = _function(module, name, function)
    function()
    return answers[0]


class _Frame:
    """A frame with nothing of this very test run around it."""

    def __init__(self, frame: FrameType, f_back: _Frame | None) -> None:
        self.f_globals, self.f_code, self.f_back = frame.f_globals, frame.f_code, f_back


def _cut(frame: FrameType | None, depth: int) -> FrameType | None:
    frames: list[FrameType] = []
    while frame is not None and len(frames) < depth:
        frames.append(frame)
        frame = frame.f_back
    found: _Frame | None = None
    for each in reversed(frames):
        found = _Frame(each, found)
    return found  # type: ignore[return-value]


def _function(module: str, name: str, inner: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        inner()

    code = call.__code__.replace(co_name=name)
    return FunctionType(code, {"__name__": module}, name, None, call.__closure__)


@pytest.mark.parametrize("stack", ALLOWED.values(), ids=ALLOWED.keys())
def test_it_may_be_raised_in(stack: list[tuple[str, str]]) -> None:
    assert _answer(stack)


@pytest.mark.parametrize("stack", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_it_may_not_be_raised_in(stack: list[tuple[str, str]]) -> None:
    assert not _answer(stack)


def test_this_very_test_may_be_interrupted() -> None:
    assert is_interruptible(sys._getframe())
