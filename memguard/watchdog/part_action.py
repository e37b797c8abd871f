"""Ending a part instead of the session: freeze, confirm, snapshot, tell, TERM, grace, KILL."""

import time

from memguard.core.light_signal import signal
from memguard.core.log import described
from memguard.core.reading import TreeReading
from memguard.core.thresholds import EMERGENCY
from memguard.guard.excess import Excess
from memguard.host import confirm, current, freeze, signals
from memguard.host.family import endable
from memguard.host.identity import is_alive
from memguard.host.sparing import PartRule
from memguard.host.sweep import end_all
from memguard.watchdog.capture import capture
from memguard.watchdog.frozen import FrozenRecord
from memguard.watchdog.grace import await_end
from memguard.watchdog.guarded_session import GuardedSession
from memguard.watchdog.note import leave_note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId

ENDED = "ended"
THAWED = "thawed"  # it doesn't hold what it seemed to
REMAINING = "remaining"  # neither signal ended all of it, or it may not be touched

# Nothing grows while it is frozen but what is not held; the session's other parts are not watched meanwhile.
_CAPTURE_TIMEOUT_S = 3.0
# The client itself gives its tools 1.4 s between the two signals.
_GRACE_S = 3.0
_URGENT_GRACE_S = 0.5
_FORCE_S = 5.0
_GRACE_GROWTH = 1.05
_MB = 1024 * 1024


class PartAction:
    """One part that is over a limit. `frozen_bytes` is what was confirmed of it while it stood still."""

    def __init__(self, session: GuardedSession, excess: Excess) -> None:
        self.session = session
        self.excess = excess
        self.part = excess.part
        self.record = FrozenRecord(session.guard_dir)
        self.frozen_bytes = 0
        self.held: list[ProcessId] = []
        self.is_all_held = False
        self.snapshot = ""
        self.forced = False
        # Only one that lives now is known to have begun the process session of its number.
        self._leader = self.part.root if is_alive(self.part.root) else None

    def carry_out(self) -> str:
        """Do it; ENDED, THAWED or REMAINING."""
        try:
            self.held, self.is_all_held = freeze.freeze(self._find, self._put_on_record)
            if not self._is_confirmed():
                return self._thaw()
            self._note_frozen()
            self._capture()
            return self._end()
        finally:
            freeze.thaw(self.held)  # those that are spared, where it went wrong; the others are gone
            self.record.clear()

    def _find(self) -> "list[ProcessId]":
        """All of the part as it is now, but what somebody looks at or what has a guard of its own."""
        members = self.part.processes
        pids = {process.pid for process in members if current.start_ticks(process.pid) == process.start_ticks}
        terminal = self.session.subject.lineage.client_terminal
        found = endable(pids, terminal, self._kept(), leader=self._leader)
        # What holds most is what grows: it stands still first.
        sizes = {process.pid: process.footprint_bytes for process in members}
        return sorted(found, key=lambda who: -sizes.get(who.pid, 0))

    def _put_on_record(self, processes: "list[ProcessId]") -> None:
        """Where that fails, as on a full disk, they are frozen all the same: they may be what fills it."""
        try:
            self.record.add(processes)
        except OSError as error:
            self.session.journal.log(f"frozen processes not on record: {described(error)}")

    def _kept(self) -> "frozenset[int]":
        return self._own() | self.session.nested_clients()

    def _own(self) -> "frozenset[int]":
        launcher = self.session.launcher
        return frozenset((self.session.subject.client.pid, launcher.pid if launcher else 0))

    def _is_confirmed(self) -> bool:
        found = [current.read_process(who.pid) for who in self.held]
        tree = TreeReading([reading for reading in found if reading])
        self.frozen_bytes = min(confirm.confirmed_bytes(tree), tree.footprint_bytes)
        return bool(self.held) and self.frozen_bytes >= self.excess.least_bytes

    def _thaw(self) -> str:
        if not self.held:
            return REMAINING
        freeze.thaw(self.held)
        self._event("part_thawed")
        return THAWED

    def _note_frozen(self) -> None:
        self._event("part_frozen", held_all=self.is_all_held)

    def _capture(self) -> None:
        """A snapshot of the session as it is; without one the part is ended all the same, since it can be run again."""
        if not self.session.activity.session_id:
            return
        deadline_s = time.monotonic() + _CAPTURE_TIMEOUT_S
        reason = f"{self.part.name} over {self.excess.limit}"
        self.snapshot, error = capture(self.session, reason, lambda: deadline_s)
        if error:
            self.session.journal.log(f"no snapshot before {self.part.kind} was ended: {error}")

    def _end(self) -> str:
        """The model is told before the signal, since its event follows within milliseconds."""
        note = leave_note(self)
        with signals.Batch():
            for number in (signal.SIGTERM, signal.SIGCONT):
                for who in self.held:
                    signals.send(who, number)
        self.forced = not await_end(self.held, self._grace_s(), self.frozen_bytes * _GRACE_GROWTH, self._sum_bytes)
        if self.forced and note:
            leave_note(self, note)
        result = end_all(
            self.held, 0, force_s=_FORCE_S, exclude=self._own(), find_more=self._find,
            rule=PartRule(self.session.nested_clients(), self.session.subject.lineage.client_terminal),
        )  # fmt: skip
        self._event(
            "part_ended", forced=self.forced, snapshot=self.snapshot, remaining=len(result.remaining),
            spared=[name for _, name, _ in result.spared],
        )  # fmt: skip
        return REMAINING if result.remaining else ENDED

    def _grace_s(self) -> float:
        subject = self.session.subject
        return _URGENT_GRACE_S if subject.state == EMERGENCY or self.session.shortage.is_short else _GRACE_S

    def _sum_bytes(self) -> int:
        found = [current.read_process(who.pid) for who in self.held]
        return sum(reading.footprint_bytes for reading in found if reading)

    def _event(self, name: str, **more: object) -> None:
        part, excess = self.part, self.excess
        self.session.journal.event(
            name, kind=part.kind, name_of_part=part.name, call=part.call, pid=part.root.pid, processes=len(self.held),
            footprint_bytes=self.frozen_bytes, sum_bytes=part.footprint_bytes, limit=excess.limit,
            limit_bytes=excess.limit_bytes, session=self.session.activity.session_id, **more,
        )  # fmt: skip
