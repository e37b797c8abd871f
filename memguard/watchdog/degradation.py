"""The watchdog's part in degradation: it decides the mode, writes it down for the hooks, and has it told.

`<guard>/degradation` is there while the mode is READ_ONLY or EMERGENCY. A hook goes by it only while a watchdog lives:
without one nobody would lift it.
"""

import os
import time

from memguard.core.degradation import MODES, NORMAL, READ_ONLY
from memguard.core.layout import DEGRADATION, NOTES, read_pairs, remove, write_pairs
from memguard.core.log import described, printable
from memguard.core.pause import is_paused
from memguard.guard.degradation import STAYS_ABOVE, DegradationView, decide, limit_bytes
from memguard.guard.restart_verdict import FAILING, Verdict
from memguard.watchdog.note import put_note
from memguard.watchdog.own_part import may_be_restarted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.guarded_session import GuardedSession

_NOTE = "mode-"
_LONGEST_WHY = 200
# The longest pauses between two readings go by memory states; the modes look as closely as those of the same weight.
_WATCHED_AS = ("NORMAL", "WARNING", "CRITICAL", "EMERGENCY")


class Degradation:
    """The mode of one guard. `mode` outlives a client: what a session may do follows from its memory, not its pid."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self.mode = NORMAL
        self._written = ""  # what the file says; empty where nothing has been written yet
        self._last_try = ""  # why the last restart did not come about; empty where it did, or none was tried
        self._tried_with: tuple[int, tuple[int, int, int]] | None = None  # the circumstances of that

    def update(self, is_part_due: bool) -> None:
        """After a reading: decide, and where that is news, write and tell. `is_part_due`: a part is to be ended."""
        self._forget_try()
        before, self.mode = self.mode, decide(self._view(is_part_due), self.mode)
        if self._written != self._content():
            self._write()
        if before != self.mode:
            self._tell(before)

    def note_try(self, why: str) -> None:
        """A restart was tried: why it could not be carried out (no snapshot, no next client); empty where it was."""
        self._last_try, self._tried_with = why, self._circumstances()

    def longest_pause_s(self) -> float:
        """The longest time between two readings that the mode allows."""
        return self._session.settings.interval_s[_WATCHED_AS[MODES.index(self.mode)]]

    def _view(self, is_part_due: bool) -> DegradationView:
        session, subject = self._session, self._session.subject
        view = DegradationView(subject.confirmed_bytes, session.settings.thresholds, self._refusal())
        view.is_acting = self._is_acting()
        view.is_judged = not (subject.is_starting or is_part_due)
        view.is_blind = subject.blindness.is_blind
        return view

    def _forget_try(self) -> None:
        """It says nothing of another client, after a reset of the person's, or once the memory is back."""
        subject, critical_bytes = self._session.subject, self._session.settings.thresholds.critical_bytes
        is_over = subject.blindness.is_blind or subject.confirmed_bytes >= critical_bytes * STAYS_ABOVE
        if self._last_try and not (is_over and self._tried_with == self._circumstances()):
            self._last_try = ""

    def _circumstances(self) -> "tuple[int, tuple[int, int, int]]":
        """The client and protection's record, by version: a reset writes it anew even where it holds nothing."""
        return self._session.generation, self._session.own_part.record_stamp()

    def _refusal(self) -> Verdict:
        """What protection says; where it would allow a restart that can't be carried out, that."""
        verdict = self._session.own_part.verdict()
        return Verdict(FAILING, self._last_try) if self._last_try and verdict.is_allowed else verdict

    def _is_acting(self) -> bool:
        """Where memguard would not restart anything, it denies nothing either."""
        session, settings = self._session, self._session.settings
        is_paused_now = is_paused(session.guard_dir, session.project_dir)
        return settings.is_degrading and not is_paused_now and may_be_restarted(session)

    def _content(self) -> str:
        """What the file is to hold. Sizes in it are of the change, so that it isn't written at each reading."""
        return self.mode if self._is_denying(self.mode) else "none"

    def _write(self) -> None:
        path = f"{self._session.guard_dir}/{DEGRADATION}"
        try:
            if self._is_denying(self.mode):
                write_pairs(path, self._pairs(), lasts=False)
            else:
                remove(path)
        except (OSError, ValueError) as error:  # tried again after the next reading
            self._session.journal.log(f"degradation not written: {described(error)}")
            return
        self._written = self._content()

    def _pairs(self) -> "dict[str, object]":
        session = self._session
        limit = limit_bytes(session.settings.thresholds, self.mode)
        return {
            "mode": self.mode,
            "footprint_bytes": session.subject.confirmed_bytes,
            "limit_bytes": limit,
            "below_bytes": int(limit * STAYS_ABOVE),
            "why": printable(self._refusal().why, _LONGEST_WHY),
            "t_utc": f"{time.time():.3f}",
        }

    def _tell(self, before: str) -> None:
        session = self._session
        why = printable(self._refusal().why, _LONGEST_WHY)
        session.journal.status(degradation=self.mode, degradation_why=why if self.mode != NORMAL else "")
        session.journal.event(
            "degradation_changed",
            mode=self.mode,
            before=before,
            footprint_bytes=session.subject.confirmed_bytes,
            why=why,
        )
        if self._is_denying(self.mode) or self._is_denying(before):
            self._leave_note(before)

    def _leave_note(self, before: str) -> None:
        """For person and model, at the next event. It replaces one that nobody has read: what is over is not told."""
        folder = f"{self._session.guard_dir}/{NOTES}"
        before = self._taken_back(folder) or before
        if not (self._is_denying(self.mode) or self._is_denying(before)):
            return
        try:
            pairs = {"kind": "mode", "before": before, **self._pairs()}
            put_note(self._session.guard_dir, f"{_NOTE}{time.monotonic_ns()}", pairs)
        except (OSError, ValueError) as error:
            self._session.journal.log(f"note of the mode not written: {described(error)}")

    @staticmethod
    def _taken_back(folder: str) -> str:
        """The mode before the note that nobody has read; empty where there is none."""
        names = os.listdir(folder) if os.path.isdir(folder) else []
        unread = [name for name in names if name.startswith(_NOTE)]
        before = [read_pairs(f"{folder}/{name}").get("before", "") for name in unread]
        taken = [mode for name, mode in zip(unread, before, strict=True) if remove(f"{folder}/{name}")]
        if len(names) == len(unread) and unread:
            try:
                os.rmdir(folder)  # it is there only while a note is
            except OSError:
                pass
        return next((mode for mode in taken if mode in MODES), "")

    @staticmethod
    def _is_denying(mode: str) -> bool:
        return MODES.index(mode) >= MODES.index(READ_ONLY)
