"""Python's warning that a process with threads forks, which is of no use where the only other thread is ours.

Since Python 3.12 `os.fork` warns in a process of more than one thread: a test that forks would be told of a thread that
isn't its own, and a suite that counts warnings would fail for the sake of being watched. What the warning is about, a
lock that the other thread held at that moment, can't happen by ours: it holds none of Python's, and the child never
asks for one of ours. With any other thread beside ours, Python warns as ever.

Measured on Python 3.13, to stop the thread before the fork instead takes 60 us, but Python counts threads after
everybody's hooks, when it must run again.
"""

import os
import sys
import warnings

_TASKS = "/proc/self/task"
_MESSAGE = r"This process \(pid=\d+\) is multi-threaded, use of fork\(\)"
_WARNS = sys.version_info >= (3, 12) and hasattr(os, "register_at_fork")
# Kept, since tests replace functions in modules.
_list = os.listdir
_running: list[object] = []  # whose thread runs
_is_hooked: list[bool] = []


def begin(whose: object) -> None:
    """A thread of ours runs from here on."""
    if not _WARNS:
        return
    if not _is_hooked:  # for the life of the process: Python knows no way back
        _is_hooked.append(True)
        os.register_at_fork(before=before_fork)
    _running.append(whose)


def end(whose: object) -> None:
    """It runs no more. Safe to repeat."""
    if whose in _running:
        _running.remove(whose)
        _allow()


def before_fork() -> None:
    """Silence the warning where it could only mean us, else take care that it isn't."""
    if not _running:
        return
    _allow()
    if _threads() == 1 + len(_running):
        warnings.filterwarnings("ignore", _MESSAGE, DeprecationWarning)


def _allow() -> None:
    """A filter of ours may be left from the fork before, or gone with a block that restored what was there."""
    ours = [each for each in warnings.filters if getattr(each[1], "pattern", "") == _MESSAGE]
    for each in ours:
        warnings.filters.remove(each)  # type: ignore[attr-defined]  # it is a list; typeshed promises less
    if ours:
        warnings._filters_mutated()  # type: ignore[attr-defined]  # noqa: SLF001 -- `warnings` has no other way


def _threads() -> int:
    try:
        return len(_list(_TASKS))
    except OSError:
        return 0
