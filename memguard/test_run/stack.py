"""Where in pytest a thread is, by its stack: which test runs, how far it is, and whether it may be interrupted.

pytest says in a variable which test runs, too, but a test may replace the environment, and a run inside a test takes
the variable away. The stack costs nothing as long as nobody asks.

The names here have been the same from pytest 7.0 to 9.2, which the plugin's own suite shows of both. In a pytest that
has others, nothing is interrupted, and a limit counts at the next border.
"""

import sys
from types import FrameType

import pytest

_RUNNER, _FIXTURES = "_pytest.runner", "_pytest.fixtures"
_FUNCTION = "call_and_report"
# These run a phase of a test; around each is a `from_call` that makes a report of whatever it raises.
_PHASES = ("pytest_runtest_setup", "pytest_runtest_call")
# What `from_call` calls to collect.
_COLLECTING = ("collect", "<lambda>")
_TEARDOWNS = {
    _FIXTURES: ("finish", "_teardown_yield_fixture"),  # also in a setup: of a fixture whose parameter changes
    _RUNNER: ("pytest_runtest_teardown", "teardown_exact", _FUNCTION, "pytest_sessionfinish"),
    "unittest.case": ("_callTearDown", "_callCleanup", "doCleanups"),  # in a call
}
_DEBUGGERS = ("pdb", "bdb")  # whose prompt a person sits at, also that of a debugger made of them


def frame_of(thread: int) -> FrameType | None:
    """Where a thread is, by its `threading.get_ident()`: the innermost frame."""
    return sys._current_frames().get(thread)  # noqa: SLF001 -- the way there is


def running_phase(frame: FrameType | None, session: pytest.Session) -> tuple[str, str]:
    """Node id and phase (`setup`, `call`, `teardown`) of the test of this session; empty where none runs.

    Of runs inside a test it is the outermost that counts: its test is this session's.
    """
    found = "", ""
    while frame is not None:
        if frame.f_code.co_name == _FUNCTION and frame.f_globals.get("__name__") == _RUNNER:
            item, phase = frame.f_locals.get("item"), frame.f_locals.get("when")
            if isinstance(item, pytest.Item) and item.session is session:
                found = item.nodeid, str(phase)
        frame = frame.f_back
    return found


def is_interruptible(frame: FrameType | None) -> bool:
    """Whether an exception that is raised in `frame` fails a test, or a file's import, and nothing else.

    It may be raised in what a setup, a call or the import of a test file does, but not while a fixture or a TestCase is
    torn down, nor at the prompt of a debugger, nor where a plugin's wrapper or pytest's own reporting runs: there it
    would end the whole run.
    """
    inner = ""
    while frame is not None:
        module, name = frame.f_globals.get("__name__"), frame.f_code.co_name
        if module in _DEBUGGERS or name in _TEARDOWNS.get(str(module), ()):
            return False
        if module == _RUNNER and name in _PHASES:
            return True
        if module == _RUNNER and name == "from_call":
            return inner in _COLLECTING and _makes_a_collect_report(frame.f_back)
        inner, frame = name, frame.f_back
    return False


def _makes_a_collect_report(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_name == "pytest_make_collect_report"
