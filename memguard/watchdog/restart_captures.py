"""The snapshots of one restart: one before anything is signalled, and what was said after it."""

import time

from memguard.core.log import described
from memguard.watchdog.capture import capture, start_handoff_worker
from memguard.watchdog.transcript import has_more_since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.core.ticket import Ticket
    from memguard.watchdog.guarded_session import GuardedSession

# Between the client's end and the launcher's patience (15 s) there is the sweep as well.
_REST_TIMEOUT_S = 8.0


class RestartCaptures:
    """Each leaves the handoff of the restart's ticket. `error` says why there is no snapshot at all."""

    def __init__(self, session: "GuardedSession", reason: str) -> None:
        self._session = session
        self._reason = reason
        self._captured_bytes = 0  # of the transcript, at the least
        self.error = ""

    def take(self, ticket: "Ticket", most_s: "Callable[[], float]") -> bool:
        """Take one within `most_s` seconds, which is asked again and again; what an earlier one left may stay."""
        begun_s, transcript_bytes = time.monotonic(), self._session.activity.transcript_bytes()
        snapshot, error = capture(self._session, self._reason, lambda: begun_s + most_s(), ticket.ticket_id)
        if not snapshot:
            self.error = "" if ticket.snapshot else error
            return False
        ticket.snapshot, self.error, self._captured_bytes = snapshot, "", transcript_bytes
        seconds = round(time.monotonic() - begun_s, 3)
        self._session.journal.event("state_captured", snapshot=snapshot, seconds=seconds)
        return True

    def prepare_handoff(self, ticket: "Ticket") -> None:
        """Once the client is gone, and its memory: a worker that the next one's SessionStart asks takes 35 MB."""
        try:
            start_handoff_worker(self._session, ticket.ticket_id)
        except OSError as error:  # the hook starts one itself
            self._session.journal.log(f"no worker for the handoff: {described(error)}")

    def take_rest(self, ticket: "Ticket") -> None:
        """A new session knows the conversation by its digest alone: what was said last belongs in it, too."""
        if not has_more_since(self._session.activity.transcript, self._captured_bytes):
            return
        if not self.take(ticket, lambda: _REST_TIMEOUT_S):
            self._session.journal.log("what was said last before the restart is in no snapshot")
