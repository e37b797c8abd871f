"""The functions of the platform that this runs on: one place that knows which module that is.

    read_tree(client_pid, proc, leave_out)   read_process   start_ticks   parent_pid   is_zombie
    footprint_bytes(pid)   walk(client_pid, proc, leave_out)   read_pressure()   capacity_bytes()
    boot_id()   pid_namespace()   is_mine(pid)   command_name(pid)   scan()   terminal_number(pid)

All take the root of `/proc` as their last argument but `read_tree`; elsewhere than on Linux it means nothing.
A quiet hook on Linux imports `memguard.host.linux` itself, which saves it this module.
"""

import sys

if sys.platform == "darwin":
    from memguard.host.darwin import (
        boot_id,
        capacity_bytes,
        command_name,
        is_mine,
        is_zombie,
        parent_pid,
        pid_namespace,
        read_pressure,
        read_process,
        read_tree,
        scan,
        start_ticks,
        terminal_number,
    )
elif sys.platform == "win32":
    from memguard.host.portable import (
        boot_id,
        capacity_bytes,
        command_name,
        is_mine,
        is_zombie,
        parent_pid,
        pid_namespace,
        read_pressure,
        read_process,
        read_tree,
        scan,
        start_ticks,
        terminal_number,
    )
else:
    from memguard.host.linux import (
        footprint_bytes,
        is_zombie,
        parent_pid,
        read_process,
        read_tree,
        start_ticks,
        walk,
    )
    from memguard.host.linux_facts import (
        boot_id,
        capacity_bytes,
        command_name,
        is_mine,
        pid_namespace,
        read_pressure,
        scan,
        terminal_number,
    )

if sys.platform in ("darwin", "win32"):
    from memguard.core.reading import MEASURED

    def walk(client_pid: int, proc: str = "/proc", leave_out: int = 0) -> list[tuple[int, int, int, int]]:
        """Pid, parent's pid, start ticks and footprint in bytes of a whole tree, the client first."""
        tree = read_tree(client_pid, proc, leave_out)
        return [(p.pid, p.parent_pid, p.start_ticks, p.footprint_bytes) for p in tree.processes]

    def footprint_bytes(pid: int, proc: str = "/proc") -> int:
        """The footprint of one process by its one way; -1 when it is gone or can't be measured."""
        reading = read_process(pid, proc)
        return reading.footprint_bytes if reading and reading.quality == MEASURED else -1


__all__ = [
    "boot_id",
    "capacity_bytes",
    "command_name",
    "footprint_bytes",
    "is_mine",
    "is_zombie",
    "parent_pid",
    "pid_namespace",
    "read_pressure",
    "read_process",
    "read_tree",
    "scan",
    "start_ticks",
    "terminal_number",
    "walk",
]
