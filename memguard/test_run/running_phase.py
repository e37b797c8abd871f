"""Which test runs right now, and how far it is: by the stack of its thread.

Pytest says it in a variable, too, but a test may replace the environment, and a run inside a test takes the variable
away. The stack costs nothing as long as nobody asks. The names here are the same from pytest 7.0 to 9.2.
"""

import sys
from types import FrameType

import pytest

_RUNNER, _FUNCTION = "_pytest.runner", "call_and_report"


def frame_of(thread: int) -> FrameType | None:
    """Where a thread is, by its `threading.get_ident()`."""
    return sys._current_frames().get(thread)  # noqa: SLF001 -- the way there is


def running_phase(frame: FrameType | None, session: pytest.Session) -> tuple[str, str]:
    """Node id and phase (`setup`, `call`, `teardown`) of the test of this session; empty where none runs.

    `frame` is the innermost. Of runs inside a test it is the outermost that counts: its test is this session's.
    """
    found = "", ""
    while frame is not None:
        if frame.f_code.co_name == _FUNCTION and frame.f_globals.get("__name__") == _RUNNER:
            item, phase = frame.f_locals.get("item"), frame.f_locals.get("when")
            if isinstance(item, pytest.Item) and item.session is session:
                found = item.nodeid, str(phase)
        frame = frame.f_back
    return found
