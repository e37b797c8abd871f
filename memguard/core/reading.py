"""What was read at one moment: of a session's process tree, and of the memory of the whole host."""

# How good a footprint is.
MEASURED = "measured"
ESTIMATED = "estimated"  # the process holds this much or more: shared and swapped memory are not in it
UNREADABLE = "unreadable"  # the process is there, and no way to measure it worked: its 0 means nothing


class ProcessReading:
    """One process: `footprint_bytes` is anonymous + shared + swapped memory, never virtual size."""

    __slots__ = ("footprint_bytes", "parent_pid", "pid", "quality", "start_ticks")

    def __init__(
        self, pid: int, parent_pid: int, start_ticks: int, footprint_bytes: int, quality: str = MEASURED
    ) -> None:
        self.pid = pid
        self.parent_pid = parent_pid
        self.start_ticks = start_ticks
        self.footprint_bytes = footprint_bytes
        self.quality = quality

    @property
    def is_estimated(self) -> bool:
        """Whether the process may hold more than `footprint_bytes`."""
        return self.quality == ESTIMATED


class TreeReading:
    """A client (first) and all its descendants; sizes are sums over processes, so an upper bound.

    Memory that forks share counts once in each of them: confirm by PSS before acting on it.
    `hidden` counts processes that are known to be of the tree and that the host shows nothing of. With them, or with
    processes of unknown size among `processes`, sizes are no upper bound any more.
    """

    __slots__ = ("hidden", "processes")

    def __init__(self, processes: list[ProcessReading], hidden: int = 0) -> None:
        self.processes = processes
        self.hidden = hidden

    @property
    def client_bytes(self) -> int:
        """Footprint of the client alone."""
        return self.processes[0].footprint_bytes if self.processes else 0

    @property
    def footprint_bytes(self) -> int:
        """Footprint of the whole tree."""
        return sum(process.footprint_bytes for process in self.processes)

    @property
    def is_estimated(self) -> bool:
        """Whether any process may hold more than was read."""
        return any(process.is_estimated for process in self.processes)

    @property
    def unreadable(self) -> int:
        """How many processes of the tree have a size that is not known."""
        return self.hidden + sum(process.quality == UNREADABLE for process in self.processes)

    @property
    def is_blind(self) -> bool:
        """Whether the client lives and its size is not known: nothing can be decided by sizes."""
        return self.processes[0].quality == UNREADABLE if self.processes else self.hidden > 0


class Pressure:
    """The host's memory, in bytes; -1 where the host doesn't say. `psi_…` are percents of the last ten seconds.

    `psi_some_avg10`: some process waited for memory; `psi_full_avg10`: no process got on with anything else.
    """

    __slots__ = (
        "available_bytes",
        "psi_full_avg10",
        "psi_some_avg10",
        "swap_free_bytes",
        "swap_total_bytes",
        "total_bytes",
    )

    def __init__(self, total_bytes: int = -1, available_bytes: int = -1) -> None:
        self.total_bytes = total_bytes
        self.available_bytes = available_bytes
        self.swap_total_bytes = -1
        self.swap_free_bytes = -1
        self.psi_some_avg10 = -1.0
        self.psi_full_avg10 = -1.0
