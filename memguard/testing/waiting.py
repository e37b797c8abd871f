"""Waiting for a condition instead of sleeping for a guess."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_LOOK_S = 0.02


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = 20) -> T:
    """What `condition` gives once it is true; AssertionError with `what` after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline_s:
            raise AssertionError(f"waited {timeout_s} s for: {what}")
        time.sleep(_LOOK_S)
