"""Where in pytest the main thread is, by its stack: an exception may be raised in a test, and not in pytest itself.

It may be raised in what a setup, a call or the import of a test file does, but not while a fixture or a TestCase is
torn down, nor at the prompt of a debugger, nor where a plugin's wrapper or pytest's own reporting runs: an exception
there ends the whole run. The names here have been the same from pytest 7.0 to 9.2, which the plugin's own suite shows
of both; in a pytest that has others, nothing is interrupted, and a limit counts at the next border.
"""

from types import FrameType

_RUNNER, _FIXTURES = "_pytest.runner", "_pytest.fixtures"
# These run a phase of a test; around each is a `from_call` that makes a report of whatever it raises.
_PHASES = ("pytest_runtest_setup", "pytest_runtest_call")
# What `from_call` calls to collect.
_COLLECTING = ("collect", "<lambda>")
_TEARDOWNS = {
    _FIXTURES: ("finish", "_teardown_yield_fixture"),  # also in a setup: of a fixture whose parameter changes
    _RUNNER: ("pytest_runtest_teardown", "teardown_exact", "call_and_report", "pytest_sessionfinish"),
    "unittest.case": ("_callTearDown", "_callCleanup", "doCleanups"),  # in a call
}
_DEBUGGERS = ("pdb", "bdb")  # whose prompt a person sits at, also that of a debugger made of them


def is_interruptible(frame: FrameType | None) -> bool:
    """Whether an exception that is raised in `frame` fails a test, or a file's import, and nothing else."""
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
