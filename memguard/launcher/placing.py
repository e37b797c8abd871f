"""How long a client waits before it begins: until the watchdog has put it into its group, and never for long."""

import time

from memguard.core.settings import Settings
from memguard.host.containment.handshake import PlacedFifo
from memguard.launcher.companion import Companion
from memguard.launcher.records import Records
from memguard.launcher.vigil import Vigil

# A watchdog that has to be started first takes a tenth of that, one that lives already 1 ms. Without its word the
# client begins anyway.
_PATIENCE_S = 1.0
_LOOK_MS = 100


class Placing:
    """Waits for the watchdog's word, as long as there are a watchdog and a client to wait for."""

    def __init__(
        self, guard_dir: str, settings: Settings, vigil: Vigil, companion: Companion, records: Records
    ) -> None:
        self._is_wanted = getattr(settings, "containment", "auto") != "process-tree"
        self._vigil = vigil
        self._companion = companion
        self._records = records
        self._fifo: PlacedFifo | None = None
        # Before any watchdog could have something to say.
        records.attempt("placing", lambda: self._open(guard_dir))

    def _open(self, guard_dir: str) -> None:
        self._fifo = PlacedFifo(guard_dir) if self._is_wanted else None

    def wait(self, generation: int) -> None:
        """Wait until the client of this `generation` is where it belongs; without a word it is no more waited for."""
        fifo = self._fifo
        if fifo and self._companion.pid:
            self._records.attempt("placing", lambda: self._wait(fifo, generation))

    def _wait(self, fifo: PlacedFifo, generation: int) -> None:
        deadline_s = time.monotonic() + _PATIENCE_S
        while not fifo.has_come(generation) and self._is_worth_it():
            if time.monotonic() >= deadline_s:
                raise TimeoutError("the watchdog has not placed the client in time, which begins as it is")
            self._vigil.poll(_LOOK_MS, also=fifo.descriptor)
            self._vigil.reap()

    def _is_worth_it(self) -> bool:
        return bool(self._companion.pid and self._vigil.client_pid and not self._vigil.ended_by)
