"""What was read of a session's process tree at one moment."""


class ProcessReading:
    """One process: `footprint_bytes` is anonymous + shared + swapped memory, never virtual size."""

    __slots__ = ("footprint_bytes", "parent_pid", "pid", "start_ticks")

    def __init__(self, pid: int, parent_pid: int, start_ticks: int, footprint_bytes: int) -> None:
        self.pid = pid
        self.parent_pid = parent_pid
        self.start_ticks = start_ticks
        self.footprint_bytes = footprint_bytes


class TreeReading:
    """A client (first) and all its descendants; sizes are sums over processes, so an upper bound.

    Memory that forks share counts once in each of them: confirm by PSS before acting on it.
    """

    __slots__ = ("processes",)

    def __init__(self, processes: list[ProcessReading]) -> None:
        self.processes = processes

    @property
    def client_bytes(self) -> int:
        """Footprint of the client alone."""
        return self.processes[0].footprint_bytes if self.processes else 0

    @property
    def footprint_bytes(self) -> int:
        """Footprint of the whole tree."""
        return sum(process.footprint_bytes for process in self.processes)
