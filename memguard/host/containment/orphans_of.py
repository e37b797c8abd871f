"""A launcher that is a subreaper: what loses its parent below it becomes its child, instead of init's.

So a tool that daemonises, in a process session of its own and with a cleared environment, stays in reach.
"""

import os
import sys

from memguard.host import current
from memguard.host.linux import read_bytes
from memguard.host.own_processes import is_own_process

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def become_subreaper() -> bool:
    """Make this process a subreaper, for what it executes as well: the attribute survives exec, as its pid does.

    Importing ctypes costs 0.7 MB that stay; whoever calls this is about to exec.
    """
    if sys.platform != "linux":
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):  # an interpreter without ctypes, or a C library without prctl
        return False


def orphans_of(launcher_pid: int, proc: str = "/proc") -> list[int]:
    """The launcher's children but memguard's own: its workers, detached from a hook, lose their parent as well.

    The client, and a watchdog that has yet to execute its program, are the caller's to leave out. One that has ended
    and waits for the launcher to reap it is nobody: a sweep would take it for something that flees.
    """
    children = _children(launcher_pid, proc)
    return [pid for pid in children if not is_own_process(pid, proc) and not current.is_zombie(pid, proc)]


def _children(pid: int, proc: str) -> list[int]:
    """The launcher has one thread. A kernel without `children` files is scanned."""
    words = read_bytes(f"{proc}/{pid}/task/{pid}/children", 65536).split()
    if words or not read_bytes(f"{proc}/{pid}/stat", 16) or _has_children_file(pid, proc):
        return [int(word) for word in words]
    return [row.pid for row in current.scan(proc).values() if row.parent_pid == pid]


def _has_children_file(pid: int, proc: str) -> bool:
    return os.access(f"{proc}/{pid}/task/{pid}/children", os.F_OK)
