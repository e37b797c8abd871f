"""What every mechanism that holds a session together has to do: see `memguard.host.containment.base`.

    class TestMine(ContainmentContract):
        def make(self, launcher_pid: int) -> Containment:
            return MyContainment(launcher_pid)

        def lose(self, containment: Containment) -> None:
            ...  # take away, behind its back, what it has made

Linux only. The suite runs real processes and ends them: a leader that stands for the client, one descendant of each of
seven kinds, and above them a subreaper that stands for the launcher.
"""
# ruff: noqa: D102, S101 -- a suite of tests, whose names say what they are

from __future__ import annotations

import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING, ClassVar, Self

import pytest

from memguard.core.layout import read_pairs, write_pairs
from memguard.host import current
from memguard.host.identity import identify, is_alive
from memguard.host.sweep import end_all
from memguard.host.table import with_descendants
from memguard.testing.seven_kinds import KINDS, Family
from memguard.testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memguard.core.identity import ProcessId
    from memguard.host.containment.base import Containment

_MB = 1024 * 1024
_PATIENCE_S = 20.0
_GROWS = """
import sys
print("done", flush=True)
held = []
for line in sys.stdin:
    held.append(b"x" * (int(line) << 20))
    print("done", flush=True)
"""
# A limit that nobody comes near, and one that everybody is over.
_FAR_BYTES, _NEAR_BYTES = 1 << 50, 1


class ContainmentContract:
    """Subclass it, and say how one is made.

    `reaches` are the kinds of descendants (of `memguard.testing.seven_kinds.KINDS`) that it counts and ends while their
    leader lives; `reaches_orphans` those that it still does once the leader was killed.
    """

    reaches: ClassVar[frozenset[str]] = frozenset(KINDS)
    reaches_orphans: ClassVar[frozenset[str]] = frozenset(KINDS)

    def make(self, launcher_pid: int) -> Containment:
        """A new one, for a session of this launcher's that nobody is in yet."""
        raise NotImplementedError

    def lose(self, containment: Containment) -> None:
        """Take away what it has made, as another program may; a mechanism that makes nothing needs none."""

    @pytest.fixture
    def family(self) -> Iterator[Family]:
        """A launcher that is a subreaper, and a leader that has yet to start its descendants."""
        made = Family(is_subreaper=True)
        yield made
        made.close()

    @pytest.fixture
    def containment(self, family: Family) -> Iterator[Containment]:
        """One without a client; ended and removed after the test."""
        made = self.make(family.above.pid)
        yield made
        made.end_all([family.above.pid])
        made.remove()

    @pytest.fixture
    def placed(self, containment: Containment, family: Family) -> Containment:
        """The same with the leader in it, which has started its seven descendants."""
        assert containment.place(family.leader), containment.why
        family.start()
        return containment

    def test_it_says_what_it_is_in_words_that_a_file_can_hold(self, containment: Containment, tmp_path: Path) -> None:
        pairs = containment.to_pairs()
        assert pairs["mechanism"] == containment.mechanism
        assert containment.name.isprintable()
        write_pairs(f"{tmp_path}/containment", pairs)
        assert read_pairs(f"{tmp_path}/containment") == {name: str(value) for name, value in pairs.items()}

    def test_a_client_may_be_placed_again(self, containment: Containment, family: Family) -> None:
        assert containment.place(family.leader), containment.why
        assert containment.place(family.leader), containment.why

    def test_client_launcher_and_this_process_are_no_roots(self, placed: Containment, family: Family) -> None:
        assert not {family.leader.pid, family.above.pid, os.getpid()} & set(placed.roots())

    @pytest.mark.parametrize("is_killed", [False, True], ids=["leader alive", "leader killed"])
    def test_what_it_reaches_is_counted_and_ended(self, placed: Containment, family: Family, is_killed: bool) -> None:
        reached = self.reaches_orphans if is_killed else self.reaches
        if is_killed:
            family.kill_leader()
        wait_until(lambda: not reached - _counted(placed, family), "all that it reaches are counted", _PATIENCE_S)
        _sweep(placed, family)
        assert {kind for kind in reached if is_alive(family.kinds[kind])} == set()

    def test_who_is_spared_goes_on_and_who_is_left_is_said(self, placed: Containment, family: Family) -> None:
        spared = family.kinds["plain"]
        left = placed.end_all([spared.pid, family.leader.pid, family.above.pid])
        assert not any(_ends_soon(who) for who in (spared, family.leader, family.above))
        assert not {spared.pid, family.leader.pid, family.above.pid} & set(left)

    def test_a_report_can_be_polled_for_or_there_is_none(self, placed: Containment) -> None:
        assert placed.descriptor() == -1, "nothing is armed"
        if placed.arm(_FAR_BYTES):
            assert placed.descriptor() >= 0
            assert placed.poll_event, "the event that it reports by"
            select.poll().register(placed.descriptor(), placed.poll_event)
            assert placed.arm(_FAR_BYTES), "the same limit again"
        else:
            assert placed.descriptor() == -1
        placed.disarm()
        assert placed.descriptor() == -1

    def test_a_limit_that_is_passed_already_is_not_armed_and_its_wire_is_raised(self, placed: Containment) -> None:
        assert not placed.arm(_NEAR_BYTES)
        assert placed.descriptor() == -1
        is_armed = placed.raise_trip_wire(_NEAR_BYTES)
        assert is_armed == (placed.descriptor() >= 0)

    def test_growth_to_its_limit_is_reported(self, placed: Containment) -> None:
        """Where it reports at all: one that is placed takes more than what is left."""
        with _Grower() as grower:
            assert placed.place(grower.who)
            limit_bytes = placed.usage_bytes() + 32 * _MB
            if placed.arm(limit_bytes):
                poll = select.poll()
                poll.register(placed.descriptor(), placed.poll_event)
                grower.take(64)
                assert poll.poll(20_000), "no report"
                placed.acknowledge()
                assert placed.usage_bytes() >= limit_bytes

    def test_what_it_has_made_can_vanish_under_it(self, placed: Containment, family: Family) -> None:
        """No method raises OSError then: the session goes on without."""
        placed.arm(_FAR_BYTES)
        family.close()
        self.lose(placed)
        placed.acknowledge()
        assert placed.roots() == []
        assert placed.usage_bytes() >= 0
        assert placed.arm(_FAR_BYTES // 2) == (placed.descriptor() >= 0)
        assert placed.raise_trip_wire(_FAR_BYTES // 4) == (placed.descriptor() >= 0)
        placed.lift()
        placed.disarm()
        assert placed.end_all(time_s=0.2) == []
        assert placed.to_pairs()["mechanism"] == placed.mechanism
        assert placed.remove()

    def test_it_can_be_removed_twice(self, containment: Containment) -> None:
        assert containment.remove()
        assert containment.remove()


class _Grower:
    """A process that takes memory when it is told to."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GROWS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._answer()
        self.who = _known(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def take(self, size_mb: int) -> None:
        """Hold so much, from now on."""
        assert self._process.stdin
        self._process.stdin.write(f"{size_mb}\n".encode())
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> None:
        assert self._process.stdout
        assert self._process.stdout.readline() == b"done\n"


def _ends_soon(who: ProcessId) -> bool:
    """Whether a process ends within a tenth of a second: a signal takes a moment."""
    descriptor = os.pidfd_open(who.pid) if is_alive(who) else -1
    if descriptor < 0:
        return True
    try:
        return bool(select.select([descriptor], [], [], 0.1)[0])
    finally:
        os.close(descriptor)


def _known(pid: int) -> ProcessId:
    who = identify(pid)
    assert who is not None
    return who


def _counted(containment: Containment, family: Family) -> set[str]:
    """The kinds that are read of the session: its client's tree, and all below the containment's roots."""
    pids = with_descendants({family.leader.pid, *containment.roots()}, current.scan())
    return {kind for kind, who in family.kinds.items() if who.pid in pids}


def _sweep(containment: Containment, family: Family) -> None:
    """As the watchdog does it: the client's tree, and what the containment knows of."""

    def found() -> list[ProcessId]:
        pids = with_descendants({family.leader.pid, *containment.roots()}, current.scan()) - {family.leader.pid}
        return [who for pid in pids if (who := identify(pid)) and is_alive(who)]

    end_all(found(), 0.5, exclude=[family.leader.pid, family.above.pid, os.getpid()], find_more=found)
