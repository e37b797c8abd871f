"""When a process began."""

from __future__ import annotations

import subprocess
import sys
import time

from memguard.host import current
from memguard.host.started import started_utc


def test_a_start_lies_between_just_before_and_just_after() -> None:
    before_utc = time.time()
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
    after_utc = time.time()
    try:
        found_utc = started_utc(current.start_ticks(child.pid))
    finally:
        child.communicate(b"\n")
    tick_s = 0.02  # two hundredths: starts are cut to one, and the clocks are read one after the other
    assert before_utc - tick_s <= found_utc <= after_utc + tick_s
