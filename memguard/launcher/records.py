"""What the launcher writes for hooks and watchdog. None of it may cost the person the session: failures are logged."""

import os
from collections.abc import Callable

from memguard.core.identity import ProcessId
from memguard.core.layout import (
    CLIENT,
    ENDED,
    GUARD,
    RELAUNCH,
    TICKET,
    client_record,
    private_dir,
    read_pairs,
    remove,
    write_pairs,
)
from memguard.core.log import append_log, described


class Records:
    """The launcher's files of one guard. Where one can't be written the session goes on, unguarded if need be."""

    def __init__(self, guard_dir: str, state_dir: str, runtime_dir: str) -> None:
        self._guard_dir = guard_dir
        self._state_dir = state_dir
        self._runtime_dir = runtime_dir

    def client_started(self, client: ProcessId, generation: int, ticket_id: str) -> None:
        """Say whose client this is, before it gets to its SessionStart, whose hook compares its process with this."""
        text = client.to_text()
        relaunch = {"ticket": ticket_id, "client": text}
        if ticket_id:
            self.attempt("relaunch", lambda: write_pairs(f"{self._guard_dir}/{RELAUNCH}", {**relaunch}))
        self.attempt("client's record", lambda: self._register(client))
        record = {"id": text, "generation": generation}
        self.attempt("client", lambda: write_pairs(f"{self._guard_dir}/{CLIENT}", {**record}))

    def _register(self, client: ProcessId) -> None:
        private_dir(f"{private_dir(self._runtime_dir)}/clients")
        record = {"id": client.to_text(), "guard": os.path.basename(self._guard_dir)}
        write_pairs(client_record(self._runtime_dir, client.pid), {**record})

    def client_gone(self, client: ProcessId) -> None:
        """Its pid may be somebody else's from here on."""
        self.attempt("client's record", lambda: remove(client_record(self._runtime_dir, client.pid)))

    def ticket_done(self) -> None:
        """The ticket was honoured, or not."""
        self.attempt("ticket", lambda: remove(f"{self._guard_dir}/{TICKET}"))

    def not_restartable(self, why: str) -> None:
        """From here on a restart would lose something: `status` says so, and the watchdog asks for none."""
        path = f"{self._guard_dir}/{GUARD}"
        self.attempt("guard", lambda: write_pairs(path, {**read_pairs(path), "restartable": 0, "why": why}))

    def ended(self, code: int, by: int) -> None:
        """The last word to the watchdog. `code` is negative for a signal, `by` the signal that told us to end."""
        ended = {"code": code, "by": by}
        self.attempt("end", lambda: write_pairs(f"{self._guard_dir}/{ENDED}", {**ended}))

    def attempt(self, what: str, action: Callable[[], object]) -> None:
        """Do it if it can be done."""
        try:
            action()
        except (OSError, ValueError) as error:
            append_log(self._state_dir, f"launcher: {what}: {described(error)}")
