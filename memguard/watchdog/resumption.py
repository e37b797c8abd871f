"""Whether a client that was started to resume a conversation has taken it up; what was mended for it is else undone."""

import os
import time

from memguard.core.layout import SET_ASIDE, remove
from memguard.core.ticket import FRESH, RESUME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.guarded_session import GuardedSession

# Until what could not be put back is tried again: a disk was full, an editor has the transcript open.
_AGAIN_S = 60.0


class Resumption:
    """The judgement of one client, by its own first hook.

    `is_open` until it is known and what follows from it is done, or it doesn't matter any more.
    """

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._path = f"{session.guard_dir}/{SET_ASIDE}"
        self._is_refused = False
        self._again_s = 0.0
        self.is_open = session.restarted_with == RESUME or os.path.lexists(self._path)

    def look(self) -> None:
        """A client that begins another conversation than it was told has refused that one."""
        source = self._session.activity.start_source
        if not self.is_open or not source:
            return
        if source == "startup" or (self._is_refused and source != RESUME):
            if time.monotonic() >= self._again_s:
                self._refused()
            return
        self.is_open = False
        remove(self._path)  # what is still set aside stays beside the transcript, for the person

    def client_gone(self) -> None:
        """A client that ends before its first hook has refused, too."""
        self._session.activity.update()
        self.look()
        if self.is_open:
            self._refused()

    def _refused(self) -> None:
        """What follows, if anything, is a new conversation."""
        self._session.restarted_with = FRESH
        self._session.activity.resumed_bytes = 0
        from memguard.watchdog.mending import is_owed, take_back

        take_back(self._session, is_patient=not self._is_refused)  # who has it open still, may for long
        self._is_refused = True
        self.is_open, self._again_s = is_owed(self._session), time.monotonic() + _AGAIN_S
