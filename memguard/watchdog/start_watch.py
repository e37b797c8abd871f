"""What a client's start took, noted once: at the first calm moment after its first turn.

Before that turn a client holds less than it will: it has not yet made its conversation into a request.
"""

from memguard.core.layout import STARTS
from memguard.core.log import described
from memguard.guard.resume_footprint import Start
from memguard.host.peak import peak_bytes
from memguard.watchdog.start_ledger import StartLedger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.guarded_session import GuardedSession


class StartWatch:
    """One client's start; of the client alone, since servers and tools have nothing to do with what it reads."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._is_over = False

    def look(self) -> None:
        """After a reading: note it if this is the moment."""
        if self._is_over or not self._is_calm():
            return
        self._is_over = True
        start = self._start()
        try:
            if start and (start.has_nothing_to_read or start.has_much_to_read):
                StartLedger(f"{self._session.project_dir}/{STARTS}").add(start)
        except OSError as error:
            self._session.journal.log(f"a client's start was not noted: {described(error)}")

    def _is_calm(self) -> bool:
        activity, subject = self._session.activity, self._session.subject
        is_idle = activity.turns_ended > 0 and not activity.is_mid_turn and not activity.in_flight
        return is_idle and not subject.is_starting and subject.trend.is_settled()

    def _start(self) -> Start | None:
        """None where it can't be told: an unreadable client, or a long conversation that it has not read but had."""
        activity, subject = self._session.activity, self._session.subject
        held_bytes, transcript_bytes = subject.reading.client_bytes, activity.transcript_bytes()
        if subject.reading.is_blind or not held_bytes:
            return None
        start = Start(transcript_bytes, max(held_bytes, peak_bytes(subject.client.pid)), held_bytes)
        # What a conversation left behind while it grew is not what it takes to read it.
        return start if activity.resumed_bytes or start.has_nothing_to_read else None
