"""Which descendants each mechanism reaches: counted and ended, with the leader alive and after its SIGKILL.

    python benchmarks/bench_descendants.py

Seven kinds: plain, own group, setsid, daemonised, daemonised with a cleared environment, grandchild, under a shell.
Each cell says what was reached in that order: a letter for a kind, a dot for one that was missed. The portable ways are
what supervisors without control groups do: a signal to the process group, and the tree as psutil walks it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil
from common import parser

from memguard.core.identity import ProcessId
from memguard.host import current
from memguard.host.containment import cgroup_v1, cgroup_v2
from memguard.host.containment.base import Containment
from memguard.host.containment.group import Group
from memguard.host.descendants import Lineage
from memguard.host.identity import identify, is_alive
from memguard.host.sweep import end_all
from memguard.host.table import with_descendants
from memguard.testing.seven_kinds import KINDS, Family

SESSION = "5e5510n5-0000-4000-8000-000000000000"
LETTERS = "pgsdcGh"
GUARD = f"bench{os.getpid()}"
GRACE_S = 0.5
_CELLS = 4 * len(KINDS)  # counted and ended, before and after
SYSTEM = ("/proc", "/sys/fs/cgroup")


class Way:
    """One way to know what belongs to a leader. `find` gives pids; `end` is memguard's sweep where it isn't given."""

    is_portable = False
    is_subreaper = False

    def __init__(self, family: Family, stack: ExitStack) -> None:
        self.family = family
        self.stack = stack
        self.prepare()

    def prepare(self) -> None:
        """Before the descendants are there."""

    def watch(self) -> None:
        """While the leader lives and all seven are there."""

    def find(self) -> set[int]:
        """Who belongs to the leader, as far as this way knows."""
        raise NotImplementedError

    def end(self) -> None:
        """End them, but not the leader."""

        def found() -> list[ProcessId]:
            pids = self.find() - self._kept()
            return [who for pid in pids if (who := identify(pid)) and is_alive(who)]

        end_all(found(), GRACE_S, exclude=self._kept(), find_more=found)

    def _kept(self) -> set[int]:
        return {self.family.leader.pid, self.family.above.pid, os.getpid()}


class ProcessGroup(Way):
    """A signal to the leader's process group."""

    is_portable = True

    def find(self) -> set[int]:
        """Those with its group id."""
        return {row.pid for row in current.scan().values() if row.group == self.family.leader.pid and not row.ended}

    def end(self) -> None:
        """One by one, since the leader is to live."""
        for pid in self.find() - self._kept():
            os.kill(pid, signal.SIGKILL)


class PsutilTree(Way):
    """The tree as psutil walks it."""

    is_portable = True

    def find(self) -> set[int]:
        """The descendants; none of a leader that is gone."""
        try:
            return {process.pid for process in psutil.Process(self.family.leader.pid).children(recursive=True)}
        except psutil.NoSuchProcess:
            return set()

    def end(self) -> None:
        """Each."""
        for pid in self.find():
            psutil.Process(pid).kill()


class SessionId(Way):
    """The session id in the environment, which children inherit."""

    def find(self) -> set[int]:
        """By a scan of the host."""
        return {who.pid for who in Lineage().survivors([SESSION], exclude=self._kept())}


class Tree(Way):
    """No launcher: the tree, what was once seen in it, and the inherited session id."""

    def prepare(self) -> None:
        """Begin with a client of its own."""
        self.lineage = Lineage()

    def watch(self) -> None:
        """As at a reading."""
        self.lineage.observe(current.read_tree(self.family.leader.pid))

    def find(self) -> set[int]:
        """Those of the tree, seen before, or with the id."""
        self.watch()
        return {who.pid for who in self.lineage.survivors([SESSION], exclude=self._kept())}


class Contained(Way):
    """One of memguard's mechanisms."""

    containment: Containment

    def find(self) -> set[int]:
        """The leader's tree, and what the mechanism knows of."""
        return with_descendants({self.family.leader.pid, *self.containment.roots()}, current.scan())


class Subreaper(Contained):
    """The launcher is a subreaper."""

    is_subreaper = True

    def prepare(self) -> None:
        """It was made one at its start."""
        self.containment = Containment(self.family.above.pid)
        self.containment.place(self.family.leader)


class InGroup(Contained):
    """The leader is in a control group of its own."""

    def prepare(self) -> None:
        """Make it, and put the leader in."""
        self.containment = self.made()
        self.stack.callback(self.containment.remove)
        if not self.containment.place(self.family.leader):
            raise OSError(self.containment.why)

    def made(self) -> Containment:
        """The group."""
        raise NotImplementedError


class V1(InGroup):
    """A v1 memory group, with one of v2 beside it."""

    def made(self) -> Containment:
        """As `memguard run` does here."""
        return cgroup_v1.make(GUARD, 0, *SYSTEM)


class V1Alone(InGroup):
    """A v1 memory group alone."""

    def made(self) -> Containment:
        """Without the one beside."""
        both = cgroup_v1.make(GUARD, 0, *SYSTEM)
        if both.held is not both.memory:
            both.held.remove()
        return cgroup_v1.CgroupV1(Group(both.memory.folder), None)


class V2(InGroup):
    """A v2 group."""

    def made(self) -> Containment:
        """With or without memory control."""
        return cgroup_v2.make(GUARD, 0, *SYSTEM, with_memory=False)


WAYS: dict[str, type[Way]] = {
    "process group (portable)": ProcessGroup,
    "psutil's tree (portable)": PsutilTree,
    "inherited session id": SessionId,
    "process tree + session id": Tree,
    "subreaper": Subreaper,
    "control group v1": V1Alone,
    "control group v1 + v2": V1,
    "control group v2": V2,
}


def main() -> int:
    """Try each way, print the table."""
    parser(__doc__, 1).parse_args()
    rows = {name: _tried(way) for name, way in WAYS.items()}
    print(f"{'':28}{'leader alive':^22}{'leader killed':^22}{'ms to end':>10}")
    print(f"{'':28}{'counted':^11}{'ended':^11}{'counted':^11}{'ended':^11}")
    for name, row in rows.items():
        print(f"{name:28}" + (row if isinstance(row, str) else row.line()))
    print("  " + ", ".join(f"{letter} {kind}" for letter, kind in zip(LETTERS, KINDS, strict=True)))
    _judge(rows)
    return 0


class Row:
    """What one way reached."""

    def __init__(self, cells: list[str], took_ms: float) -> None:
        self.cells = cells
        self.took_ms = took_ms

    @property
    def missed(self) -> int:
        """How many kinds it missed, in all four columns together."""
        return sum(cell.count(".") for cell in self.cells)

    def line(self) -> str:
        """The cells, and how long the ending took."""
        return "".join(f"{cell:^11}" for cell in self.cells) + f"{self.took_ms:10.0f}"


def _tried(way: type[Way]) -> Row | str:
    try:
        alive, killed = (_round(way, is_killed) for is_killed in (False, True))
    except OSError as error:
        return f"not here: {error.strerror or error}"
    return Row([*alive[0], *killed[0]], max(alive[1], killed[1]))


def _round(kind: type[Way], is_killed: bool) -> tuple[list[str], float]:
    with _family(kind.is_subreaper) as family, ExitStack() as stack:
        way = kind(family, stack)
        family.start()
        way.watch()
        if is_killed:
            family.kill_leader()
        counted = way.find()
        begun_s = time.monotonic()
        way.end()
        took_ms = (time.monotonic() - begun_s) * 1000
        time.sleep(0.1)  # a process that was killed ends within this
        reached = _cell(family, lambda who: who.pid in counted), _cell(family, lambda who: not is_alive(who))
        return [*reached], took_ms


def _cell(family: Family, holds: Callable[[ProcessId], bool]) -> str:
    return "".join(letter if holds(family.kinds[kind]) else "." for letter, kind in zip(LETTERS, KINDS, strict=True))


@contextmanager
def _family(is_subreaper: bool) -> Iterator[Family]:
    family = Family(SESSION, is_subreaper)
    try:
        yield family
    finally:
        family.close()


def _judge(rows: dict[str, Row | str]) -> None:
    """Those that memguard chooses with a launcher miss none; every portable way misses some."""
    for name, way in WAYS.items():
        row = rows[name]
        if isinstance(row, Row) and issubclass(way, Contained):
            print(f"{name}: reached {_CELLS - row.missed} of {_CELLS}: {'MISSED' if row.missed else 'met'}")
        elif isinstance(row, Row) and way.is_portable:
            print(f"{name}: reached {_CELLS - row.missed} of {_CELLS}")


if __name__ == "__main__":
    sys.exit(main())
