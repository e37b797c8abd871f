"""What daemonises below a subreaper is found as its child."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.host.containment.base import Containment
from memguard.host.containment.orphans_of import orphans_of
from memguard.testing.fake_host import FakeHost
from memguard.testing.seven_kinds import Family
from tests.sandbox import ROOT, wait_until
from tests.unit.host.workshop import Workshop

# Becomes a subreaper, then another program, as `memguard run` does.
EXECS = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from memguard.host.containment.orphans_of import become_subreaper
assert become_subreaper()
os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", sys.argv[1]])
"""
# Starts a daemon with nothing of its starter, and says its pid.
STARTS_A_DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(1, f"{os.getpid()}\\n".encode())
        os.execve("/bin/sleep", ["sleep", "600"], {})
    os._exit(0)
os.wait()
time.sleep(600)
"""


@pytest.fixture
def family() -> Iterator[Family]:
    made = Family(is_subreaper=True)
    yield made
    made.close()


def test_the_attribute_outlives_exec(workshop: Workshop) -> None:
    process = workshop.start(EXECS, STARTS_A_DAEMON)
    daemon = workshop.adopt(int(workshop.line(process)))
    wait_until(lambda: daemon.pid in orphans_of(process.pid), "the daemon is its child")


def test_the_client_the_watchdog_and_memguards_own_are_left_out(workshop: Workshop) -> None:
    code = "import time; print('ready', flush=True); time.sleep(600)"
    own = [sys.executable, "-I", "-c", code, "-m", "memguard.state.capture"]
    starts = (
        "import subprocess, sys, time\n"
        f"started = [subprocess.Popen(words, stdout=subprocess.PIPE) for words in ({own!r}, ['/bin/sleep', '600'])]\n"
        "started[0].stdout.readline()\n"
        "print(*(process.pid for process in started), flush=True)\ntime.sleep(600)"
    )
    process = workshop.start(starts)
    worker, other = (workshop.adopt(int(word)) for word in workshop.line(process).split())
    assert orphans_of(process.pid) == [other.pid]
    containment = Containment(process.pid)
    assert containment.roots() == [other.pid]
    containment.place(other)
    assert containment.roots() == []
    assert worker.pid not in containment.roots()


def test_a_kernel_without_children_files_is_scanned(tmp_path: Path) -> None:
    """FIXTURE."""
    proc = FakeHost(str(tmp_path / "proc"), with_children=False)
    proc.add(10, 1)
    proc.add(11, 10)
    proc.add(12, 11)
    assert orphans_of(10, proc.root) == [11]


def test_one_that_has_ended_and_is_not_reaped_yet_is_nobody(tmp_path: Path) -> None:
    """FIXTURE."""
    proc = FakeHost(str(tmp_path / "proc"))
    proc.add(10, 1, children={10: [11, 12]})
    proc.add(11, 10, state="Z")
    proc.add(12, 10)
    assert orphans_of(10, proc.root) == [12]


def test_of_a_launcher_that_is_gone_there_are_none(tmp_path: Path) -> None:
    assert orphans_of(10, str(tmp_path)) == []


def test_whoever_lost_its_parent_is_the_launchers(family: Family) -> None:
    family.start()
    found = Containment(family.above.pid).roots()
    assert {family.kinds[kind].pid for kind in ("daemonised", "daemonised, cleared environment")} <= set(found)
    assert family.kinds["plain"].pid not in found, "which still has one"
    assert os.getpid() not in found
