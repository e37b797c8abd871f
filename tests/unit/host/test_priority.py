"""A process of memguard's own steps back, also where the kernel groups processes by their process session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

AUTOGROUP = Path("/proc/self/autogroup")
CODE = """
import os
os.setsid()
before = os.nice(0)
from memguard.host.priority import lower_priority
lower_priority(5)
print(os.nice(0) - before)
print(open("/proc/self/autogroup").read() if os.path.exists("/proc/self/autogroup") else "")
"""


def _lowered() -> list[str]:
    return subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout.splitlines()


def test_it_becomes_nicer() -> None:
    assert _lowered()[0] == str(min(5, 19 - os.nice(0)))


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group by process session")
def test_its_group_steps_back_with_it() -> None:
    assert _lowered()[1].endswith(" nice 5")
