"""A scope of the user's systemd, delegated to us, with a v2 group in it.

The watchdog asks for it by the client's pid, while the client waits before its exec: where systemd refuses or is slow,
the client simply is not in a group, and starts. `systemd-run --scope` would have to be in the client's place instead,
and the session could not start without it.

Run here against a user manager of systemd 252 in its hybrid layout, which has no memory control in v2; the memory
part is FIXTURE ONLY.
"""

import os
import time

from memguard.host.cgroups import OWN_PREFIX
from memguard.host.containment.base import SYSTEMD_SCOPE
from memguard.host.containment.cgroup_v2 import CgroupV2
from memguard.host.containment.group import OWN_LEAF, SESSION_LEAF, Group, own_path
from memguard.host.helper import ask

_CALL = (
    "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
    "StartTransientUnit", "ssa(sv)a(sa(sv))",
)  # fmt: skip
_VERSION = (
    "get-property", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
    "Version",
)  # fmt: skip
# The client waits meanwhile. Measured: 37 ms until the call is back, and the scope was there when it was looked for.
_CALL_S = 0.4
_SCOPE_S = 0.3
_LOOK_S = 0.005


class SystemdScope(CgroupV2):
    """A session in a scope of the user's systemd. Its folder is known once the first client is in it."""

    mechanism = SYSTEMD_SCOPE

    def __init__(self, unit: str, above: Group, mount: str, launcher_pid: int = 0, proc: str = "/proc") -> None:
        self.unit = unit
        self._mount = mount
        super().__init__(above, launcher_pid, proc)

    def _named(self) -> str:
        events = "memory events" if self.has_memory() else "no memory events"
        return f"systemd user scope ({events})"

    def _make(self) -> None:
        """The scope is systemd's to make, for a process."""

    def _add(self, pid: int) -> None:
        """Into the scope that is there, or a new one: a scope goes with its last process."""
        if not os.path.isdir(self.held.folder):
            self._start_scope(pid)
        self.held.add(pid)
        self.name = self._named()

    def _start_scope(self, pid: int) -> None:
        properties = (
            "3",
            "PIDs",
            "au",
            "1",
            str(pid),
            "Delegate",
            "b",
            "true",
            "CollectMode",
            "s",
            "inactive-or-failed",
        )
        if not busctl(*_CALL, self.unit, "fail", *properties, "0"):
            raise TimeoutError(110, "systemd made no scope")
        self.above = Group(self._mount + _scope_of(pid, self.unit, self._proc))
        self.held = Group(f"{self.above.folder}/{SESSION_LEAF}")
        # The scope itself holds the client until it is in its leaf, and gives memory only once it holds nobody.
        for leaf in (SESSION_LEAF, OWN_LEAF):
            Group(f"{self.above.folder}/{leaf}").make()
        self.held.add(pid)
        super()._make()

    def remove(self) -> bool:
        """It goes with its last process; who is left keeps it."""
        self.disarm()
        self.lift()
        return not self.above.pids()

    def to_pairs(self) -> "dict[str, object]":
        """With the unit."""
        return {**super().to_pairs(), "unit": self.unit, "mount": self._mount}


def make(guard_id: str, launcher_pid: int, proc: str, cgroup_root: str) -> SystemdScope:
    """A scope to be made for the first client. Raises OSError where there is no user manager to ask."""
    if not busctl(*_VERSION):
        raise ConnectionError(111, "no systemd of the user's to ask")
    mount = cgroup_root if os.path.exists(f"{cgroup_root}/cgroup.controllers") else f"{cgroup_root}/unified"
    return SystemdScope(f"{OWN_PREFIX}{guard_id}.scope", Group(f"{mount}/-"), mount, launcher_pid, proc)


def busctl(*words: str) -> bool:
    """Ask the user's systemd; whether it answered in time, and not with an error."""
    program = _program()
    if not program or not os.environ.get("XDG_RUNTIME_DIR"):
        return False
    return ask([program, "--user", "--quiet", *words], dict(os.environ), _CALL_S).code == 0


def _program() -> str:
    for folder in os.environ.get("PATH", "/usr/bin:/bin").split(":"):
        if os.path.isabs(folder) and os.access(f"{folder}/busctl", os.X_OK):
            return f"{folder}/busctl"
    return ""


def _scope_of(pid: int, unit: str, proc: str) -> str:
    """The scope's group, once the process is in it. Raises TimeoutError."""
    deadline_s = time.monotonic() + _SCOPE_S
    while time.monotonic() < deadline_s:
        path = own_path("", proc, str(pid))
        if path.endswith(f"/{unit}"):
            return path
        time.sleep(_LOOK_S)
    raise TimeoutError(110, "systemd did not move the client in time")
