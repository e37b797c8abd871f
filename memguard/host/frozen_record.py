"""What a watchdog had stopped, by its record `<guard>/frozen`: one ProcessId a line."""

from memguard.core.identity import ProcessId, process_in
from memguard.core.layout import FROZEN, remove
from memguard.host.freeze import thaw


def frozen_of(guard_dir: str) -> "list[ProcessId]":
    """Those on record; a torn line is nobody."""
    try:
        with open(f"{guard_dir}/{FROZEN}", encoding="ascii", errors="replace") as file:
            lines = file.read(1048576).splitlines()
    except OSError:
        return []
    return [who for line in lines if (who := process_in(line))]


def thaw_left(guard_dir: str) -> "list[ProcessId]":
    """Let go on what a watchdog that is gone had stopped; those that were on record."""
    left = frozen_of(guard_dir)
    thaw(left)
    try:
        remove(f"{guard_dir}/{FROZEN}")
    except OSError:  # a read-only folder: whoever goes on twice takes no harm
        return left
    return left
