"""Who a process is, so that a pid that the kernel gave away again is never taken for its former owner."""


class ProcessId:
    """A process, for ever: pid, raw start ticks, boot id and pid namespace.

    Start ticks alone repeat from boot to boot, and a pid means nothing in another namespace (a shared home
    directory, a container), so all four must match before anything is believed of it or done to it.
    """

    __slots__ = ("boot_id", "pid", "pid_namespace", "start_ticks")

    def __init__(self, pid: int, start_ticks: int, boot_id: str, pid_namespace: str) -> None:
        self.pid = pid
        self.start_ticks = start_ticks
        self.boot_id = boot_id
        self.pid_namespace = pid_namespace

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessId) and self.to_text() == other.to_text()

    def __hash__(self) -> int:
        return hash((self.pid, self.start_ticks))

    def __repr__(self) -> str:
        return f"ProcessId({self.to_text()})"

    def to_text(self) -> str:
        """One word for text files: `pid:start_ticks:boot_id:pid_namespace`."""
        return f"{self.pid}:{self.start_ticks}:{self.boot_id}:{self.pid_namespace}"

    @classmethod
    def from_text(cls, text: str) -> "ProcessId":
        """Read what `to_text` wrote; ValueError for anything else."""
        pid, start_ticks, boot_id, pid_namespace = text.strip().split(":")
        return cls(int(pid), int(start_ticks), boot_id, pid_namespace)


def process_in(text: str) -> "ProcessId | None":
    """The process that `text` names; None for anything else."""
    try:
        return ProcessId.from_text(text)
    except ValueError:
        return None
