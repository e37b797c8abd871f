"""The kernel kills a tool before its client: adjustments go up, and only of the process that was meant."""

from __future__ import annotations

import os
from pathlib import Path

from memguard.core.identity import ProcessId
from memguard.host.oom import spare_session

from .workshop import Workshop

SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
FORKS = (
    "import os, sys\nprint('ready', flush=True)\nsys.stdin.readline()\nprint(os.fork() or os.getpid(), flush=True)\n"
)


def _adjustment(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def test_it_is_raised_and_what_is_started_later_inherits_it(workshop: Workshop) -> None:
    process = workshop.start(FORKS + "sys.stdin.readline()")
    workshop.line(process)
    who = workshop.adopt(process.pid)
    before = _adjustment(os.getpid())
    assert spare_session(who, 300)
    assert _adjustment(who.pid) == 300
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    child = int(workshop.line(process))
    assert _adjustment(child) == 300
    assert _adjustment(os.getpid()) == before


def test_it_is_never_lowered_and_never_above_what_there_is(workshop: Workshop) -> None:
    who = workshop.ready(SLEEPS)
    assert spare_session(who, 700)
    assert spare_session(who, 300)
    assert _adjustment(who.pid) == 700
    assert spare_session(who, 5000)
    assert _adjustment(who.pid) == 1000


def test_another_process_with_the_same_pid_is_left_alone(workshop: Workshop) -> None:
    who = workshop.ready(SLEEPS)
    before = _adjustment(who.pid)
    other = ProcessId(who.pid, who.start_ticks + 1, who.boot_id, who.pid_namespace)
    assert not spare_session(other, 300)
    assert _adjustment(who.pid) == before


def test_one_that_is_gone_is_no_error(workshop: Workshop) -> None:
    who = workshop.ready(SLEEPS)
    workshop.close()
    assert not spare_session(who, 300)
