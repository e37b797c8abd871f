"""Control groups that can't be made, vanish, report nothing, or hold what forks faster than it is listed."""

from __future__ import annotations

import os
import resource
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memguard.core.layout import read_pairs
from tests.sandbox import ROOT, Sandbox, wait_until
from tests.unit.host.containment.places import members, needs_v1, v1_group
from tests.unit.host.workshop import Workshop, gone

MIB = 1024 * 1024
SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
# A process that never lives for long: each forks the next and ends, in a process session of its own.
RABBIT = """
import os, sys
print("ready", flush=True)
sys.stdin.readline()
while True:
    if os.fork():
        os._exit(0)
    os.setsid()
"""
CHOOSES = """
import os, sys
sys.path.insert(0, sys.argv[1])
from memguard.host.containment.choice import take_up
from memguard.host.identity import identify
found = take_up(sys.argv[2], "auto", identify(os.getpid()))
print(found.mechanism, "|", found.why)
"""
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user, or mount")


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()


@is_root
@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv")
def test_a_user_who_may_make_no_group_is_told_why(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    guard = tmp_path / "aa"
    guard.mkdir(mode=0o777)
    guard.chmod(0o777)
    done = _as_nobody(sys.executable, "-I", "-S", "-c", CHOOSES, str(ROOT), str(guard))
    if done.returncode:
        pytest.skip(f"another user can't read the source here: {done.stderr[-200:]}")
    mechanism, _, why = done.stdout.strip().partition(" | ")
    assert mechanism == "process-tree"
    assert "Permission denied" in why or "may be made" in why


def _as_nobody(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd="/")


@is_root
@needs_v1
@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare")
def test_a_session_where_the_groups_are_read_only(opted_in: Sandbox) -> None:
    """As in most containers. The session begins, is watched, and ends as any other."""
    read_only = 'for at in memory unified; do mount -o remount,bind,ro /sys/fs/cgroup/$at; done; exec "$@"'
    program = opted_in.folder / "program"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o700)
    command = opted_in.command("run", "--client", str(program), "--", "x")
    session = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", read_only, "sh", *command], cwd=opted_in.project,
        env=opted_in.environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(opted_in.client_pid, "a client")
        (guard,) = opted_in.guards()
        pairs = wait_until(lambda: read_pairs(str(guard / "containment")), "the mechanism is recorded")
        assert pairs["mechanism"] == "subreaper"
        assert "Read-only file system" in pairs["why"] or "may be made" in pairs["why"]
    finally:
        session.terminate()
        assert session.wait(20) == 143


@needs_v1
def test_a_group_that_somebody_removes_is_done_without_and_made_again(workshop: Workshop) -> None:
    first, second = workshop.ready(SLEEPS), workshop.ready(SLEEPS)
    with v1_group() as containment:
        containment.place(first)
        assert containment.arm(40 * MIB)
        _take_away(containment.memory.folder)
        _take_away(containment.held.folder)
        _let_report(containment.descriptor(), containment.poll_event)
        containment.acknowledge()
        assert containment.descriptor() == -1, "it would report for ever"
        assert containment.roots() == []
        assert containment.usage_bytes() == 0
        assert not containment.arm(40 * MIB)
        assert containment.end_all() == []
        assert not gone(first)
        assert containment.place(second)
        assert members(containment.memory) == [second.pid]


def _take_away(folder: str) -> None:
    """Move everybody out, and remove it: as another manager of groups might."""
    for pid in Path(folder, "cgroup.procs").read_text().split():
        Path(folder).parent.joinpath("cgroup.procs").write_text(pid)
    os.rmdir(folder)


def _let_report(descriptor: int, event: int) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    assert poll.poll(5000), "the kernel reports a group's end"


@needs_v1
def test_without_a_descriptor_left_nothing_is_armed_and_none_is_lost(workshop: Workshop) -> None:
    with v1_group() as containment:
        containment.place(workshop.ready(SLEEPS))
        before = sorted(os.listdir("/proc/self/fd"))
        with _no_descriptor():
            assert not containment.arm(40 * MIB)
            assert containment.descriptor() == -1
        with _no_descriptor(but=1):  # enough for the event, and none for the file that is to be watched
            assert not containment.arm(40 * MIB)
        assert sorted(os.listdir("/proc/self/fd")) == before
        assert containment.arm(40 * MIB)


@contextmanager
def _no_descriptor(but: int = 0) -> Iterator[None]:
    """A process that may open no more files, `but` so many."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(but)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 8, limits[1]))
    while True:
        try:
            held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            break
    for descriptor in held[:but]:
        os.close(descriptor)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in held[but:]:
            os.close(descriptor)


@needs_v1
@pytest.mark.parametrize("is_alone", [False, True], ids=["frozen and killed by v2", "v1 alone"])
def test_what_forks_faster_than_it_is_listed_is_held_or_named(workshop: Workshop, is_alone: bool) -> None:
    with v1_group(is_alone=is_alone) as containment:
        for _ in range(3):
            process = workshop.start(RABBIT)
            workshop.line(process)
            assert containment.place(workshop.adopt(process.pid))
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        left = containment.end_all(time_s=2.0)
        if not is_alone:
            assert left == []
        assert bool(left) == bool(containment.held.pids()), "who is not held is named"
        _end_by_v2(containment.memory.folder)


def _end_by_v2(folder: str) -> None:
    """What v1 alone could not hold must not outlive the test: v2 can."""
    held = Path("/sys/fs/cgroup/unified", f"rabbits-{os.getpid()}")
    held.mkdir()
    try:
        for _ in range(2000):
            pids = Path(folder, "cgroup.procs").read_text().split()
            if not pids:
                break
            for pid in pids:
                _move(held, pid)
            (held / "cgroup.kill").write_text("1")
        wait_until(lambda: "populated 0" in (held / "cgroup.events").read_text(), "all are gone")
    finally:
        held.rmdir()


def _move(group: Path, pid: str) -> None:
    try:
        (group / "cgroup.procs").write_text(pid)
    except OSError:
        return
