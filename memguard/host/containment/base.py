"""The interface of all mechanisms, and the two that need no control group: subreaper, and the process tree alone."""

import os

from memguard.host.containment.orphans_of import orphans_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memguard.core.identity import ProcessId

PROCESS_TREE = "process-tree"
SUBREAPER = "subreaper"
CGROUP_V1 = "cgroup-v1"
CGROUP_V2 = "cgroup-v2"
SYSTEMD_SCOPE = "systemd-scope"
JOB_OBJECT = "job-object"


class Containment:
    """What belongs to a session beside its client's descendants, and what can be done to all of it.

    mechanism   one of the words above
    name        the same for people
    why         what the better mechanisms failed on; empty where there is none better
    poll_event  the event of `select.poll` by which `descriptor` reports

    No method raises OSError: a group may vanish under us, and a session goes on without it.
    """

    mechanism = PROCESS_TREE
    name = "process tree with inherited session id"
    poll_event = 0

    def __init__(self, launcher_pid: int = 0, proc: str = "/proc") -> None:
        self.why = ""
        self.client_pid = 0
        self._launcher_pid = launcher_pid
        self._proc = proc
        if launcher_pid and self.mechanism == PROCESS_TREE:
            self.mechanism = SUBREAPER
            self.name = "subreaper: what daemonises becomes the launcher's"

    def place(self, client: "ProcessId") -> bool:
        """Put a client where it belongs, before its exec; True where there is nothing to be done. May be repeated."""
        self.client_pid = client.pid
        return True

    def roots(self) -> "list[int]":
        """Pids that belong to the session, whether or not they descend from its client; their descendants do, too.

        Never the client, the launcher, this process or memguard's own workers.
        """
        if not self._launcher_pid:
            return []
        kept = (self.client_pid, self._launcher_pid, os.getpid())
        return [pid for pid in orphans_of(self._launcher_pid, self._proc) if pid not in kept]

    def usage_bytes(self) -> int:
        """What the kernel counts to the session, page cache included; 0 where it doesn't say."""
        return 0

    def arm(self, limit_bytes: int) -> bool:
        """Have the kernel report when the session reaches `limit_bytes`; False where it is over it, or reports nothing.

        The report is a reason to look, and says no more than that: page cache counts in it.
        """
        del limit_bytes
        return False

    def raise_trip_wire(self, limit_bytes: int) -> bool:
        """After a report: arm at `limit_bytes`, or above what is used already."""
        del limit_bytes
        return False

    def disarm(self) -> None:
        """Want no more reports, and slow nobody down."""

    def lift(self) -> None:
        """Slow nobody down by a mark that a predecessor has left."""

    def limit(self, limit_bytes: int) -> bool:
        """Have the kernel let the session hold no more than this; False where nothing counts its memory."""
        del limit_bytes
        return False

    def descriptor(self) -> int:
        """What to poll for `poll_event`; -1 where the kernel reports nothing. Another after each arming."""
        return -1

    def acknowledge(self) -> None:
        """Take note of a report, so that the next one is another."""

    def end_all(self, spared: "Iterable[int]" = (), time_s: float = 5.0) -> "list[int]":
        """Kill who is in the group but this process, its ancestors, and `spared` with what those start; who is left.

        Without a group there is nothing that a sweep of processes doesn't reach as well.
        """
        del spared, time_s
        return []

    def remove(self) -> bool:
        """Take the group away; who still is in it lives on outside. False where it has to stay."""
        return True

    def to_pairs(self) -> "dict[str, object]":
        """What another watchdog, `status` and `doctor` go by."""
        return {"mechanism": self.mechanism, "name": self.name, "why": self.why, "launcher_pid": self._launcher_pid}
