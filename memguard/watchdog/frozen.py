"""Which processes this guard has stopped: on disk before they are, so that a successor can let them go on."""

import os

from memguard.core.identity import ProcessId
from memguard.core.layout import FROZEN, remove, write_all


class FrozenRecord:
    """`<guard>/frozen`, which `host.frozen_record` reads. It exists only while something is, or is to be, stopped."""

    def __init__(self, guard_dir: str) -> None:
        self._path = f"{guard_dir}/{FROZEN}"

    def add(self, processes: "list[ProcessId]") -> None:
        """Before they are stopped. Not synced: it lives in the runtime folder, which no crash of the host survives."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            write_all(descriptor, "".join(f"{who.to_text()}\n" for who in processes).encode())
        finally:
            os.close(descriptor)

    def clear(self) -> None:
        """They go on, or are gone; a record that can't be removed names nobody that would be harmed by going on."""
        try:
            remove(self._path)
        except OSError:
            return
