"""The watchdog's loop: read, decide, act, sleep by headroom. One per guard, by a lock held for life."""

import os
import time

from memguard.core.identity import ProcessId
from memguard.core.layout import CLIENT, ENDED, HANDOFF, TICKET, WATCHDOG, read_pairs
from memguard.core.lock import FileLock
from memguard.core.log import CRITICAL, append_log, described
from memguard.core.thresholds import NORMAL
from memguard.core.ticket import FRESH, RESUME
from memguard.guard import ruleset
from memguard.guard.excess import Excess
from memguard.host import identity
from memguard.host.containment.choice import record
from memguard.host.containment.handshake import say_placed
from memguard.host.frozen_record import thaw_left
from memguard.watchdog.calls import drop_marks
from memguard.watchdog.capture import capture_detached
from memguard.watchdog.guarded_session import GuardedSession
from memguard.watchdog.outcome import judge_attempt, judge_unticketed
from memguard.watchdog.pace import Pace
from memguard.watchdog.pace_view import pace_view
from memguard.watchdog.shown_parts import ShownParts
from memguard.watchdog.trip_wire import TripWire
from memguard.watchdog.wake import Wake

# What is done now and then is imported when it is: at rest, a watchdog has no need of it (0.6 MiB together).
_LOCK_PATIENCE_S = 1.0
# How long a client's end may go without a word from the launcher about what comes next.
_NEXT_CLIENT_S = 30.0
# After a capture failed or protection said no, the next try is this much later; in an emergency, this.
_TRY_AGAIN_S = 15.0
_URGENT_AGAIN_S = 1.0
# Longer than any model takes to make a cut-off call again.
_MARKS_S = 600.0
_FAILURES_IN_A_ROW = 10


def main(arguments: list[str]) -> int:
    """Guard one client after another until the launcher is done; 0 also where another watchdog holds the guard."""
    guard_dir, state_dir, key = arguments[:3]
    lock = FileLock(f"{guard_dir}/{WATCHDOG}")
    deadline_s = time.monotonic() + _LOCK_PATIENCE_S
    while not lock.acquire(blocking=False):
        if time.monotonic() > deadline_s:
            return 0
        time.sleep(0.02)
    own = identity.identify(os.getpid())
    lock.write(own.to_text() if own else "")
    try:
        if len(arguments) > 3:
            from memguard.watchdog.plain import make_plain_guard

            make_plain_guard(guard_dir, state_dir, key, arguments[3])
        Watchdog(GuardedSession(guard_dir, state_dir, key)).run()
    except Exception as error:  # noqa: BLE001  said where the person looks; the launcher starts another
        append_log(state_dir, f"watchdog {os.path.basename(guard_dir)} died: {described(error)}", CRITICAL)
        return 1
    return 0


class Watchdog:
    """Watches one guarded session until it is over."""

    def __init__(self, session: GuardedSession) -> None:
        self.session = session
        self._wake = Wake(session.guard_dir)
        self._failed_at_s = float("-inf")
        self._failures = 0
        self._told: set[tuple[int, str]] = set()
        self._pace = Pace()
        self._trip_wire = TripWire(session.containment)
        self._shown_parts = ShownParts()

    def run(self) -> None:
        """Watch until the guarded session is over."""
        self._start_plugins()
        self.session.journal.event("monitoring_started", pid=os.getpid())
        thawed = thaw_left(self.session.guard_dir)
        if thawed:
            self.session.journal.event(
                "part_thawed", processes=len(thawed), why="a watchdog died while they were frozen"
            )
        while self._take_up_client():
            self._watch_client()
            self._judge_resumption()
        from memguard.watchdog.end import finish

        finish(self.session)
        self.session.journal.event("monitoring_stopped", pid=os.getpid())
        if self.session.plugins:
            self.session.plugins.stop()

    def _start_plugins(self) -> None:
        try:
            self.session.start_plugins()
        except Exception as error:  # noqa: BLE001  it keeps nobody from watching; all their other steps see to that
            self.session.plugins = self.session.journal.listener = None
            self.session.journal.log(f"no plugin runs: {described(error)}")

    def _take_up_client(self) -> bool:
        """Wait for the next client; False when none comes."""
        session = self.session
        deadline_s = time.monotonic() + _NEXT_CLIENT_S
        # A launcher that is stopped (Ctrl-Z) starts its next client after `fg`, however late that is.
        while session.has_launcher() or time.monotonic() < deadline_s:
            found = read_pairs(f"{session.guard_dir}/{CLIENT}")
            if found.get("id") and int(found["generation"]) > session.generation:
                self._place(ProcessId.from_text(found["id"]), int(found["generation"]))
                self._take_over()
                return True
            if os.path.exists(f"{session.guard_dir}/{ENDED}") or not session.has_launcher():
                return False
            self._sleep(0.5)
        return False

    def _place(self, client: ProcessId, generation: int) -> None:
        """Put a client into its group before it begins, which it waits for."""
        session = self.session
        if not session.containment.place(client):
            session.journal.log(f"the client is not in the session's group: {session.containment.name}")
        session.limit_keeper.limit_client(client)
        say_placed(session.guard_dir, generation)
        record(session.guard_dir, session.containment)
        session.take_up(client, generation)

    def _take_over(self) -> None:
        """Carry on what the watchdog before this one died in."""
        if os.path.exists(f"{self.session.guard_dir}/{TICKET}"):
            from memguard.watchdog.take_over import take_over

            take_over(self.session)
        else:
            judge_unticketed(self.session)

    def _watch_client(self) -> None:
        session = self.session
        while session.has_client():
            if session.launcher and not session.has_launcher():
                return
            was_starting = session.subject.is_starting
            begun_s = time.thread_time()
            session.look()
            self._note_restored()
            if session.plugins:
                session.plugins.look()
                session.plugins.tell_reading()
            if was_starting and not session.subject.is_starting:
                self._judge_restart()
            self._act_safely()
            self._forget_marks()
            self._trip_wire.set_at(session.next_limit_bytes())
            view = pace_view(session, time.thread_time() - begun_s)
            view.is_reported = self._trip_wire.reports(session.subject.held_bytes())
            pause_s = self._pace.next_s(view)
            session.journal.reading(session.subject, pause_s)
            self._sleep(pause_s)

    def _judge_resumption(self) -> None:
        """A client that was to resume a conversation and is gone: what was set aside for it may have to be put back."""
        if not self.session.has_client():
            self.session.resumption.client_gone()

    def _forget_marks(self) -> None:
        """A cut-off call is recognised in the turn that it was cut out of, and not later."""
        is_old = time.monotonic() - self.session.subject.started_s > _MARKS_S
        if is_old or self.session.activity.turns_ended:
            drop_marks(self.session.guard_dir)

    def _sleep(self, seconds: float) -> None:
        watched = [self.session.launcher] if self.session.launcher else []
        if self.session.has_client():
            watched.append(self.session.subject.client)
        if self.session.plugins:
            watched += self.session.plugins.watched()
        if self._wake.sleep(seconds, watched, self.session.containment):
            self._trip_wire.sprung()

    def _act_safely(self) -> None:
        """A full disk or a vanished file stops one action, not the watching; what goes wrong again and again does."""
        try:
            self._act()
            self._failures = 0
        except OSError as error:
            self._failures += 1
            self._failed_at_s = time.monotonic()
            self.session.journal.log(f"an action failed: {described(error)}")
            if self._failures >= _FAILURES_IN_A_ROW:
                raise

    def _act(self) -> None:
        session = self.session
        subject = session.subject
        view = session.view()
        decision = ruleset.decide(view, session.settings.restart)
        if decision.action == ruleset.END_PART and view.excess:  # before all else: it grows
            self._end_part(view.excess)
        session.journal.status(
            state=subject.state, action=decision.action, reason=decision.reason, client=subject.client.to_text(),
            session=session.activity.session_id, generation=session.generation, readable=not subject.blindness.is_blind,
            parts=self._shown_parts.of(session),
        )  # fmt: skip
        is_capture_due = subject.state != NORMAL and self._note_crossing()
        if subject.blindness.is_check_due():
            self._check_by_time()
        elif subject.blindness.is_partial:
            self._once("partial", "memory_partly_unreadable", unreadable=subject.reading.unreadable)
        if decision.action in (ruleset.RESTART, ruleset.RESTART_NOW) and self._may_try(decision):
            is_capture_due = not self._restart(decision) and is_capture_due
        elif decision.action == ruleset.WOULD:
            would = "end a part" if view.excess else "restart"
            self._once(f"would {would}", "memory_threshold_exceeded", would=would, reason=decision.reason)
        session.degradation.update(is_part_due=decision.action == ruleset.END_PART)
        session.health.look()
        if is_capture_due:
            capture_detached(session, f"footprint at {subject.state}")

    def _check_by_time(self) -> None:
        """Nobody knows what the session holds: save its conversation, and say so."""
        self.session.journal.event("memory_unreadable", session=self.session.activity.session_id)
        capture_detached(self.session, "memory can't be read")

    def _end_part(self, excess: Excess) -> None:
        """The culprit goes, and the session stays."""
        from memguard.watchdog.part_action import REMAINING, THAWED, PartAction

        outcome = PartAction(self.session, excess).carry_out()
        if outcome == THAWED:
            self.session.culprits.not_confirmed(excess)
        elif outcome == REMAINING:
            self.session.culprits.not_ended(excess)

    def _may_try(self, decision: ruleset.Decision) -> bool:
        """Not again at once after a try that failed; what can't wait waits a second."""
        pause_s = _URGENT_AGAIN_S if decision.action == ruleset.RESTART_NOW else _TRY_AGAIN_S
        return time.monotonic() - self._failed_at_s >= pause_s

    def _restart(self, decision: ruleset.Decision) -> bool:
        """Try it; whether it took a capture of its own: a second one beside it would only take memory and time."""
        from memguard.watchdog.restart import Restart

        restart = Restart(self.session, decision)
        is_done = restart.carry_out()
        self.session.degradation.note_try("" if is_done else restart.obstacle)
        if not is_done:
            self._failed_at_s = time.monotonic()
            if restart.refused:
                self._once(f"refused {restart.refused.split()[0]}", "restart_failed", why=restart.refused)
        return bool(restart.ticket.snapshot or restart.capture_error)

    def _judge_restart(self) -> None:
        """A restart that didn't help is not done the same way again: the next one begins a fresh session."""
        if self.session.generation == 0 and self.session.pending_age_s() < 0:
            return  # no restart brought it: a first client, and none that follows in a guard of its own
        footprint_bytes = self.session.subject.confirmed_bytes
        critical_bytes = self.session.settings.thresholds.critical_bytes
        has_helped = footprint_bytes < critical_bytes
        self.session.next_strategy = RESUME if has_helped else FRESH
        judge_attempt(self.session, success=has_helped, why="settled" if has_helped else "back over the limit")
        self.session.journal.event(
            "restart_completed", footprint_bytes=footprint_bytes, limit_bytes=critical_bytes, helped=has_helped,
            generation=self.session.generation,
        )  # fmt: skip

    def _note_restored(self) -> None:
        """A client that was started again has begun its session, and read whatever was left for it."""
        session = self.session
        strategy = session.restarted_with
        if strategy not in (RESUME, FRESH) or not session.activity.start_source or self._is_told("restored"):
            return
        if not _is_handoff_owed(session.guard_dir):
            self._once("restored", "state_restored", strategy=strategy, generation=session.generation,
                       session=session.activity.session_id)  # fmt: skip

    def _note_crossing(self) -> bool:
        """Whether this client had not been in this state before."""
        subject = self.session.subject
        limit_bytes = self.session.settings.thresholds.limit_of(subject.state)
        self._once(
            "warned", "memory_warning", state=subject.state, footprint_bytes=subject.confirmed_bytes,
            limit_bytes=self.session.settings.thresholds.warning_bytes, session=self.session.activity.session_id,
        )  # fmt: skip
        return self._once(
            subject.state, "memory_threshold_exceeded", state=subject.state, limit_bytes=limit_bytes,
            footprint_bytes=subject.confirmed_bytes, session=self.session.activity.session_id,
        )  # fmt: skip

    def _once(self, what: str, event: str, **fields: object) -> bool:
        """An event that is told once per client; whether this was the time."""
        is_new = not self._is_told(what)
        if is_new:
            self._told.add((self.session.generation, what))
            self.session.journal.event(event, **fields)
        return is_new

    def _is_told(self, what: str) -> bool:
        return (self.session.generation, what) in self._told


def _is_handoff_owed(guard_dir: str) -> bool:
    """Whether something for the next client to read was not read yet: its SessionStart hook claims it."""
    try:
        return any(name.endswith(".facts.json") for name in os.listdir(f"{guard_dir}/{HANDOFF}"))
    except OSError:
        return False
