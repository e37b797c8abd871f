"""Which mechanism a guard gets: the best that can be had, tried in order, or what its predecessor chose."""

import os
import sys
import time

from memguard.core.layout import CONTAINMENT, GUARD, read_pairs, write_pairs
from memguard.host.cgroups import OWN_PREFIX
from memguard.host.containment.base import (
    CGROUP_V1,
    CGROUP_V2,
    JOB_OBJECT,
    PROCESS_TREE,
    SUBREAPER,
    SYSTEMD_SCOPE,
    Containment,
)
from memguard.host.containment.group import Group
from memguard.host.linux import read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.core.identity import ProcessId

# An empty group of another guard may be about to get its client. One this old was left by somebody who could not
# remove it: a process that was spared lived in it.
_LEFT_S = 600.0


def take_up(
    guard_dir: str,
    wanted: str = "auto",
    launcher: "ProcessId | None" = None,
    proc: str = "/proc",
    cgroup_root: str = "/sys/fs/cgroup",
) -> Containment:
    """What this guard's predecessor chose, opened again, or else the best that can be had, chosen and recorded.

    `wanted` is `auto`, `cgroup` or `process-tree` (which still is a subreaper's where the launcher is one). Without a
    launcher the client runs already, wherever its terminal, editor or service manager has put it, and stays there.
    """
    launcher_pid = launcher.pid if launcher and read_pairs(f"{guard_dir}/{GUARD}").get("subreaper") == "1" else 0
    found = _opened(read_pairs(f"{guard_dir}/{CONTAINMENT}"), guard_dir, launcher_pid, proc)
    if found is None:
        wanted = wanted if launcher else PROCESS_TREE
        found = _chosen(os.path.basename(guard_dir), wanted, launcher_pid, proc, cgroup_root)
        record(guard_dir, found)
    found.lift()  # the mark of a watchdog that died: this one may never come to raise it
    return found


def record(guard_dir: str, containment: Containment) -> None:
    """Say which mechanism it is: for the next watchdog, `status`, `doctor` and `reap`. Costs little where they know."""
    path, pairs = f"{guard_dir}/{CONTAINMENT}", containment.to_pairs()
    try:
        if read_pairs(path) != {name: str(value) for name, value in pairs.items()}:
            write_pairs(path, pairs)
    except (OSError, ValueError):  # the next watchdog chooses the same
        return


def reopened(guard_dir: str, launcher: "ProcessId | None") -> Containment:
    """What holds a guard's session, for who only looks: as its watchdog has recorded it, or the process tree."""
    launcher_pid = launcher.pid if launcher and read_pairs(f"{guard_dir}/{GUARD}").get("subreaper") == "1" else 0
    return _opened(read_pairs(f"{guard_dir}/{CONTAINMENT}"), guard_dir, launcher_pid, "/proc") or Containment(0)


def left_in(guard_dir: str) -> "list[int]":
    """The pids that are in a guard's group, whether or not anybody watches it."""
    found = _opened(read_pairs(f"{guard_dir}/{CONTAINMENT}"), guard_dir, 0, "/proc")
    return found.roots() if found else []


def release(guard_dir: str) -> None:
    """Remove the group of a guard that is dead; who still is in it lives on outside: note `left_in` before."""
    found = _opened(read_pairs(f"{guard_dir}/{CONTAINMENT}"), guard_dir, 0, "/proc")
    if found:
        found.remove()


def _chosen(guard_id: str, wanted: str, launcher_pid: int, proc: str, cgroup_root: str) -> Containment:
    failures: list[str] = []
    for make in _makers(guard_id, launcher_pid, proc, cgroup_root) if wanted != PROCESS_TREE else ():
        try:
            found = make()
        except OSError as error:
            failures.append(error.strerror or str(error))
            continue
        _tidy(found)
        return found
    found = Containment(launcher_pid, proc)
    found.why = "; ".join(dict.fromkeys(failures))
    return found


def _makers(guard_id: str, launcher_pid: int, proc: str, cgroup_root: str) -> "tuple[Callable[[], Containment], ...]":
    """Those that report memory first, a delegated group before one that systemd has to be asked for."""
    if sys.platform == "win32":
        from memguard.host.containment import job_object

        return (lambda: job_object.make(guard_id),)
    if sys.platform != "linux":
        return ()
    where = (guard_id, launcher_pid, proc, cgroup_root)
    return (
        lambda: _v2(where, with_memory=True),
        lambda: _scope(where, with_memory=True),
        lambda: _v1(where),
        lambda: _v2(where, with_memory=False),
        lambda: _scope(where, with_memory=False),
    )


def _v2(where: "tuple[str, int, str, str]", with_memory: bool) -> Containment:
    from memguard.host.containment import cgroup_v2

    return cgroup_v2.make(*where, with_memory=with_memory)


def _v1(where: "tuple[str, int, str, str]") -> Containment:
    from memguard.host.containment import cgroup_v1

    return cgroup_v1.make(*where)


def _scope(where: "tuple[str, int, str, str]", with_memory: bool) -> Containment:
    from memguard.host.containment import systemd_scope

    if with_memory and b"memory" not in read_bytes(f"{where[3]}/cgroup.controllers", 1024).split():
        raise FileNotFoundError("v2 has no memory control here")
    return systemd_scope.make(*where)


def _opened(pairs: "dict[str, str]", guard_dir: str, launcher_pid: int, proc: str) -> "Containment | None":
    """What the pairs name, where it is of this guard and still there; never made anew."""
    mechanism = pairs.get("mechanism", "")
    if mechanism in (PROCESS_TREE, SUBREAPER):
        found = Containment(launcher_pid, proc)
        return _with_reason(found, pairs) if found.mechanism == mechanism else None
    if mechanism == JOB_OBJECT and sys.platform == "win32":
        from memguard.host.containment import job_object

        return _with_reason(job_object.make(os.path.basename(guard_dir)), pairs)
    folders = [Group(pairs.get(name, "")) for name in ("memory", "group")]
    memory, group = (each if _is_of(each, guard_dir) else None for each in folders)
    return _with_reason(_opened_group(mechanism, pairs, (memory, group), (launcher_pid, proc)), pairs)


def _is_of(group: Group, guard_dir: str) -> bool:
    """Whether it is there, and named after this guard: all that is in it may be ended."""
    name = OWN_PREFIX + os.path.basename(guard_dir)
    return os.path.basename(group.folder) in (name, f"{name}.scope") and os.path.isdir(group.folder)


def _opened_group(
    mechanism: str, pairs: "dict[str, str]", groups: "tuple[Group | None, Group | None]", where: "tuple[int, str]"
) -> "Containment | None":
    """None where the record lacks anything: it is torn, or of another memguard."""
    memory, group = groups
    if mechanism == CGROUP_V1 and memory:
        from memguard.host.containment.cgroup_v1 import CgroupV1

        return CgroupV1(memory, group, *where)
    if mechanism == CGROUP_V2 and group:
        from memguard.host.containment.cgroup_v2 import CgroupV2

        return CgroupV2(group, *where)
    if mechanism == SYSTEMD_SCOPE and group and pairs.get("unit") and pairs.get("mount"):
        from memguard.host.containment.systemd_scope import SystemdScope

        return SystemdScope(pairs["unit"], group, pairs["mount"], *where)
    return None


def _with_reason(found: "Containment | None", pairs: "dict[str, str]") -> "Containment | None":
    if found:
        found.why = pairs.get("why", "")
    return found


def _tidy(found: Containment) -> None:
    """Remove old groups beside the new one that nobody is in any more."""
    pairs = found.to_pairs()
    for folder in (str(pairs.get("memory", "")), str(pairs.get("group", ""))):
        above = os.path.dirname(folder)
        for name in os.listdir(above) if folder and os.path.isdir(above) else ():
            group = Group(f"{above}/{name}")
            if name.startswith(OWN_PREFIX) and not name.endswith(".scope") and _is_left(group):
                group.remove()


def _is_left(group: Group) -> bool:
    try:
        is_old = time.time() - os.stat(group.folder).st_mtime > _LEFT_S
    except OSError:
        return False
    return is_old and not group.pids()
