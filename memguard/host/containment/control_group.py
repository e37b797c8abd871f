"""What v1 and v2 have in common: who is in the group, its trip-wire, and how all of it is ended."""

import os
import signal
import time

from memguard.host import identity
from memguard.host.containment.base import Containment
from memguard.host.containment.group import Group
from memguard.host.containment.spared_trees import SparedTrees
from memguard.host.signals import Batch, send, wait_gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memguard.core.identity import ProcessId

# A group that can't be frozen is listed again this soon: its members fork on while they are killed one by one.
_LOOK_S = 0.005
# A trip-wire that is raised lies this much above what is used: page cache alone may have reached the last one.
_HEADROOM = 16


class ControlGroup(Containment):
    """A session in a control group of its own. `held` is the group that its processes are counted and ended by."""

    def __init__(self, held: Group, launcher_pid: int, proc: str) -> None:
        super().__init__(launcher_pid, proc)
        self.held = held
        self._event = -1
        self._armed_bytes = 0

    def place(self, client: "ProcessId") -> bool:
        """Move the client in, into groups that are made again where somebody took them away."""
        super().place(client)
        try:
            self._make()
            self._add(client.pid)
        except OSError as error:
            self.why = f"the client is not in its group: {error.strerror}"
            return False
        return True

    def _make(self) -> None:
        """Make the groups where they aren't there. Raises OSError."""
        self.held.make()

    def _add(self, pid: int) -> None:
        """Move one process in. Raises OSError."""
        self.held.add(pid)

    def roots(self) -> "list[int]":
        """All that is in the group, and the launcher's orphans: one that moved itself elsewhere is among those."""
        kept = (self.client_pid, self._launcher_pid, os.getpid())
        inside = [pid for pid in self.held.pids() if pid not in kept]
        return inside + [pid for pid in super().roots() if pid not in inside]

    def arm(self, limit_bytes: int) -> bool:
        """Have the kernel report at `limit_bytes`; the same limit twice costs nothing."""
        if self._event >= 0 and limit_bytes == self._armed_bytes:
            return True
        self.disarm()
        if self.usage_bytes() >= limit_bytes:
            return False
        try:
            self._event = self._watch(limit_bytes)
        except OSError:  # the group is gone, or no descriptor is left: then the time decides
            self.disarm()
            return False
        self._armed_bytes = limit_bytes
        return self._event >= 0

    def _watch(self, limit_bytes: int) -> int:
        """Set the trip-wire; the descriptor that reports it, -1 where there is none. Raises OSError."""
        del limit_bytes
        return -1

    def limit(self, limit_bytes: int) -> bool:
        """Set the group's own limit, beyond which the kernel ends who of it is to go first; a tool, by its score."""
        try:
            self._limit(limit_bytes)
        except OSError:  # no memory control, no right to it, or more in it already
            return False
        return True

    def _limit(self, limit_bytes: int) -> None:
        """Write it down for the kernel. Raises OSError."""
        raise OSError(f"no group counts memory up to {limit_bytes}")

    def raise_trip_wire(self, limit_bytes: int) -> bool:
        """Arm at `limit_bytes`, or a sixteenth above what is used."""
        used_bytes = self.usage_bytes()
        return self.arm(max(limit_bytes, used_bytes + used_bytes // _HEADROOM + 1))

    def disarm(self) -> None:
        """Close the descriptor."""
        if self._event >= 0:
            os.close(self._event)
        self._event, self._armed_bytes = -1, 0

    def descriptor(self) -> int:
        """What reports; -1 while nothing is armed."""
        return self._event

    def end_all(self, spared: "Iterable[int]" = (), time_s: float = 5.0) -> "list[int]":
        """Kill who is in the group: frozen first where the kernel can, else listed again until nobody is left.

        It is not frozen where somebody in it is spared: a person's shell would stand still with the rest.
        """
        own = identity.own_line()
        kept = own.union(spared)
        # Client and launcher are spared alone: what has lost its parent is the launcher's, and to be ended.
        trees = SparedTrees(kept - own - {self.client_pid, self._launcher_pid})
        deadline_s = time.monotonic() + time_s
        if not (kept | trees.pids()).intersection(self.held.pids()):
            self.held.freeze()
        try:
            while (left := self._left(kept, trees)) and (left_s := deadline_s - time.monotonic()) > 0:
                self._end_some([who for who in left.values() if who], min(_LOOK_S, left_s))
        finally:
            self.held.thaw()
        return list(left)

    def _left(self, kept: "frozenset[int]", trees: SparedTrees) -> "dict[int, ProcessId | None]":
        """Who is in the group and to be ended: neither spared nor another user's. None for one that ended meanwhile.

        The group is listed before the host is scanned: whoever is in the list has its parents in the scan.
        """
        inside = {pid: identity.identify(pid) for pid in self.held.pids()}
        stays = kept | trees.pids()
        return {pid: who for pid, who in inside.items() if pid not in stays and _is_endable(pid, who)}

    def _end_some(self, found: "list[ProcessId]", time_s: float) -> None:
        """Kill those that are in the group before and after they were identified: no pid given away is meant."""
        still = set(self.held.pids())
        targets = [who for who in found if who.pid in still and identity.is_alive(who)]
        self._strike(targets)
        if targets:
            wait_gone(targets, time_s)
        else:  # gone faster than they are told apart, or not to be had
            time.sleep(time_s)

    def _strike(self, targets: "list[ProcessId]") -> None:
        """All at once where the group holds nobody else, else one after the other."""
        is_alone = bool(targets) and set(self.held.pids()) <= {who.pid for who in targets}
        if not (is_alone and self.held.kill()):
            with Batch():
                for who in targets:
                    send(who, signal.SIGKILL)


def _is_endable(pid: int, who: "ProcessId | None") -> bool:
    """Whether it is this user's; one that has ended meanwhile may have left somebody who is."""
    return identity.belongs_to_me(pid) or who is None or not identity.is_alive(who)
