"""A v1 memory group below our own: a threshold on its usage wakes the watchdog, and nothing is ever limited.

Run here, on Linux 6.18. Where v2 is mounted beside it without a memory controller (`unified`), a second group there
holds the same processes, since v1 can neither freeze nor kill a memory group.
"""

import os
import select

from memguard.host.cgroups import OWN_PREFIX
from memguard.host.containment.base import CGROUP_V1
from memguard.host.containment.control_group import ControlGroup
from memguard.host.containment.group import Group, number_in, own_folder, write


class CgroupV1(ControlGroup):
    """A session in a v1 memory group, `beside` being the v2 one or None."""

    mechanism = CGROUP_V1
    poll_event = select.POLLIN

    def __init__(self, memory: Group, beside: "Group | None", launcher_pid: int = 0, proc: str = "/proc") -> None:
        super().__init__(beside or memory, launcher_pid, proc)
        self.memory = memory
        more = "; frozen and killed by v2" if beside else ""
        self.name = f"control group (v1, memory events{more})"

    def _make(self) -> None:
        self.memory.make()
        self.held.make()

    def _add(self, pid: int) -> None:
        self.memory.add(pid)
        if self.held is not self.memory:
            self.held.add(pid)

    def usage_bytes(self) -> int:
        """What is charged to the group."""
        return number_in(f"{self.memory.folder}/memory.usage_in_bytes")

    def _watch(self, limit_bytes: int) -> int:
        """An eventfd that counts when the usage passes `limit_bytes`, in either direction.

        The kernel signals it as well when the group is removed.
        """
        event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            usage = os.open(f"{self.memory.folder}/memory.usage_in_bytes", os.O_RDONLY)
            try:
                write(f"{self.memory.folder}/cgroup.event_control", f"{event} {usage} {limit_bytes}")
            finally:
                os.close(usage)
        except OSError:
            os.close(event)
            raise
        if self.usage_bytes() >= limit_bytes:  # passed meanwhile
            os.eventfd_write(event, 1)
        return event

    def _limit(self, limit_bytes: int) -> None:
        write(f"{self.memory.folder}/memory.limit_in_bytes", str(limit_bytes))

    def acknowledge(self) -> None:
        """Take the count back to 0."""
        if self._event < 0:
            return
        try:
            os.eventfd_read(self._event)
        except BlockingIOError:
            return
        if not os.path.isdir(self.memory.folder):
            self.disarm()

    def remove(self) -> bool:
        """Who is left goes to the group above, as v1 allows everywhere."""
        self.disarm()
        is_gone = True
        for group in (self.held, self.memory):
            group.move_out(os.path.dirname(group.folder))
            is_gone = group.remove() and is_gone
        return is_gone

    def to_pairs(self) -> "dict[str, object]":
        """With both folders."""
        beside = self.held.folder if self.held is not self.memory else ""
        return {**super().to_pairs(), "memory": self.memory.folder, "group": beside}


def make(guard_id: str, launcher_pid: int, proc: str, cgroup_root: str) -> CgroupV1:
    """Make the groups of a guard. Raises OSError where the first can't be made; does without the second."""
    above = own_folder("memory", proc, cgroup_root)
    if not above:
        raise FileNotFoundError("no v1 memory group that this process is in")
    memory = Group(f"{above}/{OWN_PREFIX}{guard_id}")
    memory.make()
    if not os.access(f"{memory.folder}/cgroup.event_control", os.W_OK):
        memory.remove()
        raise PermissionError(f"{memory.folder} reports nothing")
    return CgroupV1(memory, _beside(guard_id, proc, cgroup_root), launcher_pid, proc)


def _beside(guard_id: str, proc: str, cgroup_root: str) -> "Group | None":
    above = own_folder("", proc, cgroup_root)
    group = Group(f"{above}/{OWN_PREFIX}{guard_id}")
    try:
        if not above:
            return None
        group.make()
    except OSError:
        return None
    if group.can_kill():
        return group
    group.remove()
    return None
