"""A real v1 memory group: it reports, and limits nothing."""

from __future__ import annotations

import os
import select
import time

from memguard.host.containment.cgroup_v1 import CgroupV1
from tests.sandbox import wait_until
from tests.unit.host.workshop import Workshop, gone

from .places import group_of, needs_v1, v1_group

pytestmark = needs_v1

MIB = 1024 * 1024
# Says that it is ready, then holds as much more as each line asks for, in MiB.
GROWS = """
import sys
print("ready", flush=True)
held = []
for line in sys.stdin:
    held.append(b"x" * (int(line) << 20))
    print("holds", flush=True)
"""
READS = "import sys; print('ready', flush=True); sys.stdin.readline(); open(sys.argv[1], 'rb').read(); print('read')"


def _reports(containment: CgroupV1, timeout_s: float = 5) -> bool:
    poll = select.poll()
    poll.register(containment.descriptor(), containment.poll_event)
    return bool(poll.poll(timeout_s * 1000))


def _grow(shop: Workshop, process: object, size_mib: int) -> None:
    process.stdin.write(f"{size_mib}\n")  # type: ignore[attr-defined]
    process.stdin.flush()  # type: ignore[attr-defined]
    shop.line(process)  # type: ignore[arg-type]


def test_the_kernel_reports_what_grows_past_the_limit_and_again_past_the_next(workshop: Workshop) -> None:
    process = workshop.start(GROWS)
    workshop.line(process)
    with v1_group() as containment:
        assert containment.place(workshop.adopt(process.pid))
        assert containment.arm(40 * MIB)
        assert not _reports(containment, 0)
        _grow(workshop, process, 50)
        assert _reports(containment)
        containment.acknowledge()
        assert not _reports(containment, 0)
        assert containment.raise_trip_wire(80 * MIB)
        assert not _reports(containment, 0)
        _grow(workshop, process, 60)
        assert _reports(containment)


def test_no_limit_is_ever_set(workshop: Workshop) -> None:
    who = workshop.ready(GROWS)
    with v1_group() as containment:
        before = _limits(containment)
        containment.place(who)
        containment.arm(40 * MIB)
        containment.raise_trip_wire(80 * MIB)
        assert _limits(containment) == before
        assert int(before[0]) > 2**60


def _limits(containment: CgroupV1) -> list[str]:
    names = ("memory.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.memsw.limit_in_bytes")
    paths = [f"{containment.memory.folder}/{name}" for name in names]
    return [open(path, encoding="ascii").read() for path in paths if os.path.exists(path)]


def test_over_the_limit_already_nothing_is_armed_until_it_is_raised(workshop: Workshop) -> None:
    process = workshop.start(GROWS)
    workshop.line(process)
    with v1_group() as containment:
        containment.place(workshop.adopt(process.pid))
        _grow(workshop, process, 50)
        assert not containment.arm(20 * MIB)
        assert containment.descriptor() == -1
        assert containment.raise_trip_wire(20 * MIB)
        assert containment.descriptor() >= 0
        assert not _reports(containment, 0)


def test_the_same_limit_twice_keeps_the_descriptor(workshop: Workshop) -> None:
    with v1_group() as containment:
        containment.place(workshop.ready(GROWS))
        containment.arm(40 * MIB)
        first = os.stat(f"/proc/self/fd/{containment.descriptor()}").st_ino, containment.descriptor()
        assert containment.arm(40 * MIB)
        assert first == (os.stat(f"/proc/self/fd/{containment.descriptor()}").st_ino, containment.descriptor())


def test_a_client_that_is_placed_twice_and_its_children_are_in_both_hierarchies(workshop: Workshop) -> None:
    process = workshop.start(
        "import os, sys; print('ready', flush=True); sys.stdin.readline()\n"
        "child = os.fork()\nprint(child, flush=True) if child else None\nimport time; time.sleep(600)"
    )
    workshop.line(process)
    with v1_group() as containment:
        who = workshop.adopt(process.pid)
        assert containment.place(who)
        assert containment.place(who)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        child = workshop.adopt(int(workshop.line(process)))
        assert group_of(child.pid, "memory").endswith(f"/{os.path.basename(containment.memory.folder)}")
        assert containment.roots() == [child.pid]


def test_who_is_spared_lives_on_outside_when_the_group_is_removed(workshop: Workshop) -> None:
    process, other = workshop.start(GROWS), workshop.ready(GROWS)
    workshop.line(process)
    spared = workshop.adopt(process.pid)
    with v1_group() as containment:
        containment.place(other)
        containment.place(spared)
        assert containment.end_all([spared.pid]) == []
        assert gone(other)
        assert not gone(spared)
        assert containment.remove()
        assert not os.path.exists(containment.memory.folder)
        assert "memguard-" not in group_of(spared.pid, "memory") + group_of(spared.pid, "")
        _grow(workshop, process, 1)  # it is thawed, and answers


def test_page_cache_alone_wakes_the_watchdog_which_is_why_the_reading_decides(workshop: Workshop) -> None:
    """It says that the docs tell the truth; where it fails, `arm` could be believed."""
    path = f"/var/tmp/memguard-test-{os.getpid()}"
    with open(path, "wb") as file:
        file.write(os.urandom(60 * MIB))
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        process = workshop.start(READS, path)
        workshop.line(process)
        with v1_group() as containment:
            containment.place(workshop.adopt(process.pid))
            assert containment.arm(40 * MIB)
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            assert _reports(containment)
    finally:
        os.unlink(path)


def test_a_group_that_is_ended_holds_nobody(workshop: Workshop) -> None:
    everybody = [workshop.ready(GROWS) for _ in range(3)]
    with v1_group(is_alone=True) as containment:
        for who in everybody:
            containment.place(who)
        assert sorted(containment.held.pids()) == sorted(who.pid for who in everybody)
        begun_s = time.monotonic()
        assert containment.end_all() == []
        assert time.monotonic() - begun_s < 5
        wait_until(lambda: all(gone(who) for who in everybody), "all are gone")
