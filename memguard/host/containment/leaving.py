"""How memguard's own processes leave a session's group, which they were started in by a hook."""

import os

from memguard.host.cgroups import OWN_PREFIX
from memguard.host.containment.group import OWN_LEAF, own_path, write


def leave_group(proc: str = "/proc", cgroup_root: str = "/sys/fs/cgroup") -> bool:
    """Move this process out of a session's groups; False where it is in one that it can't leave.

    A worker that stays is counted to the session for the second or two that it lives.
    """
    v1 = _leave(own_path("memory", proc), (f"{cgroup_root}/memory",), is_v2=False)
    return _leave(own_path("", proc), (cgroup_root, f"{cgroup_root}/unified"), is_v2=True) and v1


def _leave(path: str, mounts: "tuple[str, ...]", is_v2: bool) -> bool:
    words = path.split("/")
    ours = [position for position, word in enumerate(words) if word.startswith(OWN_PREFIX)]
    if not ours:
        return True
    above, group = "/".join(words[: ours[0]]), words[ours[0]]
    for mount in mounts:
        for base in dict.fromkeys((mount + above, mount)):
            if os.path.isdir(f"{base}/{group}") and _moved(base, group, is_v2):
                return True
    return False


def _moved(base: str, group: str, is_v2: bool) -> bool:
    """v2: the leaf of our own, since a group above may not hold processes; where there is none, and in v1: above."""
    own = f"{base}/{group}/{OWN_LEAF}"
    target = own if is_v2 and os.path.isdir(own) else base
    try:
        write(f"{target}/cgroup.procs", "0")
    except OSError:
        return False
    return True
