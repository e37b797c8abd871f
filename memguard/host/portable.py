"""A process tree by psutil, for Windows. NEVER RUN on Windows: its tests run on Linux, for the shape of trees.

The footprint is private commit (`private` of `memory_info`): what a process may fill, paged out or not. Where psutil
has no such figure (only in those tests), it is resident memory without what may be shared (`rss - shared`): near
RssAnon, but blind to swap and to shared memory, and marked as an estimate.

What psutil is refused of a process in the tree (one that runs elevated) leaves that process without a size: marked as
unreadable, not left out.

Start times are microseconds since 1970, so they don't repeat from boot to boot and need no boot id.
"""

import psutil

from memguard.core.reading import ESTIMATED, MEASURED, UNREADABLE, Pressure, ProcessReading, TreeReading
from memguard.host.table import Row


def read_tree(client_pid: int, _proc: str = "", leave_out: int = 0) -> TreeReading:
    """Read the client (first) and all its descendants, without `leave_out` and what it started; empty when gone.

    Windows keeps the pid of a parent that is long gone, so psutil compares start times before it believes one.
    """
    try:
        family = [psutil.Process(client_pid), *psutil.Process(client_pid).children(recursive=True)]
    except psutil.Error:
        return TreeReading([])
    if is_zombie(client_pid):
        return TreeReading([])
    left_out = {leave_out}
    readings = []
    for process in family:  # parents come before their children
        reading = _reading(process)
        if reading and (process.pid in left_out or reading.parent_pid in left_out):
            left_out.add(process.pid)
        elif reading:
            readings.append(reading)
    return TreeReading(readings)


def read_process(pid: int, _proc: str = "") -> ProcessReading | None:
    """One process alone; None when it is gone."""
    try:
        return _reading(psutil.Process(pid))
    except psutil.Error:
        return None


def start_ticks(pid: int, _proc: str = "") -> int:
    """When a process started, in microseconds since 1970; 0 when it is gone."""
    try:
        return _start_us(psutil.Process(pid))
    except psutil.Error:
        return 0


def parent_pid(pid: int, _proc: str = "") -> int:
    """The parent's pid; 0 when the process or its parent is gone."""
    try:
        parent = psutil.Process(pid).parent()
    except psutil.Error:
        return 0
    return parent.pid if parent else 0


def is_zombie(pid: int, _proc: str = "") -> bool:
    """Whether a process has ended and only waits to be reaped; Windows has no such thing."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def is_mine(pid: int, _proc: str = "") -> bool:
    """Whether a process runs as this user; False when it is gone or may not be asked."""
    try:
        return bool(psutil.Process(pid).username() == psutil.Process().username())
    except psutil.Error:
        return False


def command_name(pid: int, _proc: str = "") -> str:
    """The name of the program; empty when it is gone."""
    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return ""


def terminal_number(_pid: int, _proc: str = "") -> int:
    """Windows has no terminals in this sense: 0."""
    return 0


def scan(_proc: str = "") -> dict[int, Row]:
    """Every process by pid; there are neither process sessions nor groups."""
    rows = {}
    for process in psutil.process_iter():
        try:
            rows[process.pid] = Row(
                process.pid,
                parent_pid=parent_pid(process.pid),
                start_ticks=_start_us(process),
                group=0,
                session=0,
                terminal=0,
                ended=process.status() == psutil.STATUS_ZOMBIE,
            )
        except psutil.Error:
            continue
    return rows


def boot_id(_proc: str = "") -> str:
    """A constant: start times tell boots apart already."""
    return "absolute"


def pid_namespace(_proc: str = "") -> str:
    """The pid namespace: Windows has but one."""
    return "0"


def capacity_bytes(_proc: str = "") -> int:
    """RAM of the host."""
    return int(psutil.virtual_memory().total)


def read_pressure(_proc: str = "") -> Pressure:
    """The memory of the host, without PSI; swap is the page file."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    pressure = Pressure(int(memory.total), int(memory.available))
    pressure.swap_total_bytes, pressure.swap_free_bytes = int(swap.total), int(swap.free)
    return pressure


def _reading(process: psutil.Process) -> ProcessReading | None:
    try:
        facts = (process.pid, process.ppid(), _start_us(process))
        return ProcessReading(*facts, *_footprint(process))
    except psutil.Error:
        return None


def _footprint(process: psutil.Process) -> tuple[int, str]:
    """Bytes and their quality; psutil.NoSuchProcess when it is gone."""
    try:
        memory = process.memory_info()
    except psutil.AccessDenied:
        return 0, UNREADABLE
    private_bytes = getattr(memory, "private", None)
    if private_bytes is not None:
        return int(private_bytes), MEASURED
    return max(0, int(memory.rss) - int(getattr(memory, "shared", 0))), ESTIMATED


def _start_us(process: psutil.Process) -> int:
    return int(process.create_time() * 1_000_000)
