"""A v2 group that we may make: membership, freezing and killing by the kernel, and `memory.high` as a trip-wire.

Membership, freezing and killing run here; the memory part is FIXTURE ONLY: this machine has memory control in v1.

    memguard-<guard id>/session   the client and all that it starts
    memguard-<guard id>/own       memguard's own detached workers, which hooks started in there
"""

import os
import select

from memguard.host.cgroups import OWN_PREFIX
from memguard.host.containment.base import CGROUP_V2
from memguard.host.containment.control_group import ControlGroup
from memguard.host.containment.group import OWN_LEAF, SESSION_LEAF, Group, number_in, own_folder, write
from memguard.host.linux import read_bytes

# Set by systemd (from 251 on) on groups that it leaves to whoever runs in them.
_DELEGATED = "user.delegate"


class CgroupV2(ControlGroup):
    """A session in a v2 group. `above` is memguard's own folder, with the leaves below it."""

    mechanism = CGROUP_V2
    poll_event = select.POLLPRI

    def __init__(self, above: Group, launcher_pid: int = 0, proc: str = "/proc") -> None:
        super().__init__(Group(f"{above.folder}/{SESSION_LEAF}"), launcher_pid, proc)
        self.above = above
        self.name = self._named()

    def _named(self) -> str:
        return f"control group (v2, {'memory events' if self.has_memory() else 'no memory events'})"

    def has_memory(self) -> bool:
        """Whether the kernel counts this group's memory, and lets us set a mark on it."""
        return os.access(f"{self.held.folder}/memory.high", os.W_OK)

    def _make(self) -> None:
        make_leaves(self.above)

    def usage_bytes(self) -> int:
        """What is charged to the group."""
        return number_in(f"{self.held.folder}/memory.current")

    def _watch(self, limit_bytes: int) -> int:
        """Above `memory.high` the kernel counts an event, and slows down who allocates: raised once it was seen."""
        if not self.has_memory():
            return -1
        events = os.open(f"{self.held.folder}/memory.events", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.pread(events, 1024, 0)  # reports from here on
            write(f"{self.held.folder}/memory.high", str(limit_bytes))
        except OSError:
            os.close(events)
            raise
        return events

    def _limit(self, limit_bytes: int) -> None:
        write(f"{self.held.folder}/memory.max", str(limit_bytes))

    def disarm(self) -> None:
        """No mark: nobody is slowed down."""
        is_armed = self._armed_bytes > 0
        super().disarm()
        if is_armed:
            self.lift()

    def lift(self) -> None:
        """No mark, whoever has set it: who is over one that nobody raises is slowed down for ever."""
        try:
            write(f"{self.held.folder}/memory.high", "max")
        except OSError:
            return

    def acknowledge(self) -> None:
        """Read the events; of a group that is gone they would report for ever."""
        if self._event < 0:
            return
        try:
            os.pread(self._event, 1024, 0)
        except OSError:
            self.disarm()

    def remove(self) -> bool:
        """Who is left goes to the group above ours, where the kernel allows processes in it; else they keep ours."""
        self.disarm()
        self.lift()
        if self.above.remove():
            return True
        self.above.move_out(os.path.dirname(self.above.folder))
        return self.above.remove()

    def to_pairs(self) -> "dict[str, object]":
        """With the folder."""
        return {**super().to_pairs(), "group": self.above.folder}


def make_leaves(above: Group) -> None:
    """The two leaves; memory is counted in them where the group above has it to give. Raises OSError."""
    above.make()
    if b"memory" in read_bytes(f"{above.folder}/cgroup.controllers", 1024).split():
        try:
            write(f"{above.folder}/cgroup.subtree_control", "+memory")
        except OSError:
            pass  # then without memory events
    for leaf in (SESSION_LEAF, OWN_LEAF):
        Group(f"{above.folder}/{leaf}").make()


def make(guard_id: str, launcher_pid: int, proc: str, cgroup_root: str, with_memory: bool) -> CgroupV2:
    """Make the groups of a guard, `with_memory` or not. Raises OSError where that can't be."""
    own = own_folder("", proc, cgroup_root)
    if not own:
        raise FileNotFoundError("no v2 group that this process is in")
    for folder in (own, os.path.dirname(own)):
        if _may_make_in(folder, folder == own, with_memory):
            return _made(f"{folder}/{OWN_PREFIX}{guard_id}", launcher_pid, proc, with_memory)
    raise PermissionError(f"no group {'with memory control ' if with_memory else ''}may be made at {own}")


def _made(folder: str, launcher_pid: int, proc: str, with_memory: bool) -> CgroupV2:
    above = Group(folder)
    make_leaves(above)
    found = CgroupV2(above, launcher_pid, proc)
    is_usable = found.has_memory() if with_memory else found.held.can_kill()
    if not is_usable:
        above.remove()
        raise PermissionError(f"{folder} has not what it takes")
    return found


def _may_make_in(folder: str, is_own: bool, with_memory: bool) -> bool:
    """Our own group, or the one above where whoever manages it has left it to us; both must be writable."""
    if not all(os.access(path, os.W_OK) for path in (folder, f"{folder}/cgroup.procs")):
        return False
    gives = b"memory" in read_bytes(f"{folder}/cgroup.subtree_control", 1024).split()
    return (gives or not with_memory) and (is_own or _is_delegated(folder))


def _is_delegated(folder: str) -> bool:
    try:
        return os.getxattr(folder, _DELEGATED) == b"1"
    except OSError:
        return False
