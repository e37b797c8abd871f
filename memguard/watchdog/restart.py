"""The restart protocol, from asking protection to the ticket's last word.

Nothing is signalled before the attempt is on disk and (but for an emergency) the snapshot has been opened again.
"""

import os
import time

from memguard.core import light_json as json
from memguard.core.layout import HANDOFF, REQUEST, TICKET, private_dir, remove, write_atomic
from memguard.core.light_signal import signal
from memguard.core.log import described
from memguard.core.permission import narrower
from memguard.core.thresholds import CRITICAL, EMERGENCY, NORMAL
from memguard.core.ticket import FRESH, Ticket
from memguard.guard import ruleset
from memguard.host import current, signals
from memguard.watchdog.calls import CutOff, cut_off_calls, drop_marks, leave_marks
from memguard.watchdog.grace import await_end
from memguard.watchdog.guarded_session import GuardedSession
from memguard.watchdog.outcome import judge_attempt
from memguard.watchdog.renderer import is_boot_pending
from memguard.watchdog.restart_captures import RestartCaptures
from memguard.watchdog.sweep import sweep
from memguard.watchdog.taking_up import TakingUp
from memguard.watchdog.transcript import last_permission_mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.guard.restart_verdict import Verdict
    from memguard.host.sweep import SweepResult
    from memguard.watchdog.tool_call import ToolCall

_CAPTURE_TIMEOUT_S = 60.0
_EMERGENCY_CAPTURE_TIMEOUT_S = 3.0
_EMERGENCY_GRACE_S = 2.0
# Growth of 5 % ends the grace.
_GRACE_GROWTH = 1.05
# Less than this is what an orderly end takes: buffers that are written out, a heap that is walked.
_GRACE_GROWTH_BYTES = 64 * 1024 * 1024


class Restart:
    """One restart of one client, decided by `decision`."""

    def __init__(self, session: GuardedSession, decision: ruleset.Decision) -> None:
        self.session = session
        self.decision = decision
        self.subject = session.subject
        self.activity = session.activity
        self.limits = session.settings.restart
        self.is_urgent = decision.action == ruleset.RESTART_NOW
        self.taking_up = TakingUp(session)
        strategy, session_id = self.taking_up.strategy(), self.activity.session_id
        self.ticket = Ticket(os.urandom(8).hex(), self.subject.client, session_id, strategy)
        self.is_for_host = session.neighbours.victim_s > 0  # the sessions of this host have agreed on this one
        self.captures = RestartCaptures(session, decision.reason)
        self.cut_off: list[CutOff] = []
        self.not_begun: set[str] = set()  # ids of calls that wait for the person's permission
        self.forced = False
        self.refused = ""  # what protection said, where it said no
        self._cannot_follow = ""  # why no other client could be started

    @property
    def capture_error(self) -> str:
        """Why there is no snapshot; empty where there is one, or none was tried."""
        return self.captures.error

    @property
    def obstacle(self) -> str:
        """Why it could not be carried out, protection apart; empty where it was, or is not wanted any more."""
        return self._cannot_follow or (f"no snapshot can be taken: {self.capture_error}" if self.capture_error else "")

    def carry_out(self) -> bool:
        """Do it; False when it was not allowed, not safe, or no longer wanted."""
        if not self._is_allowed() or not self._snapshot() or not self._is_still_due() or not self._can_follow():
            return self._let_go()
        try:
            if not self._begin():
                return self._let_go()
            self._prepare()
        except OSError as error:  # a full disk, a lock that is held: nothing has been signalled yet
            self._cannot_follow = described(error)
            return self._give_up(self._cannot_follow)
        if not self._end_client():
            return self._give_up("the client did not end")
        self.settle_up()
        return True

    def resume(self, ticket: Ticket) -> None:
        """Carry on where another watchdog stopped: everything is on disk, and a second SIGTERM does no harm."""
        self.ticket = ticket
        self._can_follow()
        self._note_cut_off()
        if self._end_client() or self._give_up("the client did not end"):
            self.settle_up()

    def _can_follow(self) -> bool:
        """Without a launcher: everything is ready for the next client, before this one is ended."""
        relauncher = self.session.relauncher
        self.refused = self._cannot_follow = relauncher.prepare() if relauncher else ""
        if self.refused:
            self._withdraw()
        return not self.refused

    def _withdraw(self) -> None:
        if self.session.relauncher:
            self.session.relauncher.withdraw()

    def _let_go(self) -> bool:
        """It does not happen: withdraw, and drop what the capture left for it. False, for whoever gives up."""
        self._withdraw()
        for suffix in ("sealed", "key"):
            remove(f"{self.session.guard_dir}/{HANDOFF}/{self.ticket.ticket_id}.{suffix}")
        return False

    def _is_allowed(self) -> bool:
        if self.is_urgent:  # before the client of the last restart has settled, an emergency is how that one ended
            judge_attempt(self.session, success=False, why="over the emergency limit before it had settled")
        return self._take_verdict(self.session.protection().verdict())

    def _take_verdict(self, verdict: "Verdict") -> bool:
        """Protection's word, said where the person looks; a request that it refuses is answered with that."""
        self.refused = verdict.why if not verdict.is_allowed else ""
        self.session.journal.status(refused=self.refused)
        if self.refused:
            remove(f"{self.session.guard_dir}/{REQUEST}")
        return verdict.is_allowed

    def _begin(self) -> bool:
        """Put the attempt on record, where protection still allows one: another guard may have been faster.

        Where the record can't be written, only an emergency goes on, and only under a launcher, which counts as well.
        """
        try:
            self.ticket.attempt, verdict = self.session.protection().begin_attempt(self.decision.reason)
        except OSError as error:
            if not self.is_urgent or not self.session.has_launcher():
                raise
            self.session.journal.log(f"attempt not recorded: {described(error)}")
            self.ticket.attempt = 1
            return True
        return self._take_verdict(verdict)

    def _snapshot(self) -> bool:
        """Rule: no restart without a snapshot that opens, except when an emergency leaves no time; then it is said."""
        if self.captures.take(self.ticket, self._capture_time_s):
            return True
        self.session.journal.event("restart_failed" if not self.is_urgent else "state_missing", why=self.capture_error)
        return self.is_urgent

    def _capture_time_s(self) -> float:
        """How long the capture may take: an emergency cuts it short even while it runs."""
        self.subject.look(self.session.settings.thresholds)
        if self.subject.state == EMERGENCY and not self.subject.is_starting:
            self.is_urgent = True
        return _EMERGENCY_CAPTURE_TIMEOUT_S if self.is_urgent else _CAPTURE_TIMEOUT_S

    def _is_still_due(self) -> bool:
        """The capture took time: the person may type by now, or the memory may be back."""
        self.session.look()
        if not self.subject.is_alive():
            return False
        now = ruleset.decide(self.session.view(), self.limits).action
        return now in (ruleset.RESTART, ruleset.RESTART_NOW)

    def _prepare(self) -> None:
        """Everything that must be on disk before the first signal."""
        session = self.session
        activity = self.activity
        self.ticket.permission_mode = activity.permission_mode
        self.ticket.is_interrupted = activity.is_mid_turn or bool(activity.in_flight)
        self.ticket.is_prompt_given = self.session.is_prompt_given
        private_dir(f"{session.guard_dir}/{HANDOFF}")
        # At an open permission prompt the call that asks for it has not begun.
        if activity.status == "waiting":
            self.not_begun = set(activity.in_flight)
        self._note_cut_off()
        self.ticket.write(f"{session.guard_dir}/{TICKET}")
        session.journal.event(
            "restart_initiated", reason=self.decision.reason, attempt=self.ticket.attempt,
            session=self.ticket.session_id, footprint_bytes=self.subject.confirmed_bytes, snapshot=self.ticket.snapshot,
            strategy=self.ticket.strategy, resume=self.taking_up.verdict.text(),
        )  # fmt: skip

    def _note_cut_off(self, more: "dict[str, ToolCall] | None" = None) -> None:
        """The calls in flight are cut off: remember each, and mark it for the PreToolUse that meets it again."""
        known = self.not_begun | {call.tool_use_id for call in self.cut_off}
        found = cut_off_calls({**(more or {}), **self.activity.in_flight}, self.activity.transcript)
        new = [call for call in found if call.tool_use_id not in known and self._is_shown(call)]
        leave_marks(self.session.guard_dir, new)
        self.cut_off += new

    def _is_shown(self, call: CutOff) -> bool:
        """Whether it runs, or the end of the transcript shows that it was made and not how it ended."""
        return call.tool_use_id in self.activity.in_flight or bool(call.fingerprint)

    def _end_client(self) -> bool:
        client, relauncher = self.subject.client, self.session.relauncher
        ended = relauncher.end() if relauncher else None
        if ended is not None:
            return ended
        grace_s = _EMERGENCY_GRACE_S if self.is_urgent else self.limits.graceful_timeout_s
        if not signals.send(client, signal.SIGTERM):
            return not self.subject.is_alive()
        signals.send(client, signal.SIGCONT)
        if self._await_end(grace_s):
            return True
        self.forced = True
        signals.send(client, signal.SIGKILL)
        return not signals.wait_gone([client], self.limits.force_kill_timeout_s)

    def _await_end(self, grace_s: float) -> bool:
        """Wait for a graceful end; False when the grace is over, or the tree uses it to grow, or to an emergency."""
        thresholds = self.session.settings.thresholds
        before_bytes = self._tree_bytes()
        most_bytes = max(before_bytes * _GRACE_GROWTH, before_bytes + _GRACE_GROWTH_BYTES)
        if thresholds.state_of(before_bytes) != EMERGENCY:
            most_bytes = min(most_bytes, thresholds.emergency_bytes)
        return await_end([self.subject.client], grace_s, most_bytes, self._tree_bytes)

    def _tree_bytes(self) -> int:
        return current.read_tree(self.subject.client.pid).footprint_bytes

    def _give_up(self, why: str) -> bool:
        self._let_go()
        if self.ticket.attempt:  # else what is pending or marked is another restart's
            judge_attempt(self.session, success=False, why=why)
            remove(f"{self.session.guard_dir}/{TICKET}")
            drop_marks(self.session.guard_dir)
        self.session.journal.event("restart_failed", why=why, attempt=self.ticket.attempt)
        return False

    def settle_up(self) -> None:
        """The client is gone: end what it left, note the facts for the next one, let the launcher go on."""
        session = self.session
        self.captures.prepare_handoff(self.ticket)
        result = sweep(session)
        # Between the last look and the signal another call may have begun and taken effect; and one whose Post hook
        # has come may have no result in the transcript.
        self.activity.update()
        self._note_cut_off(self.activity.just_over)
        self.taking_up.settle(self.ticket)
        if self.ticket.strategy == FRESH:
            self.captures.take_rest(self.ticket)
        path = f"{session.guard_dir}/{HANDOFF}/{self.ticket.ticket_id}.facts.json"
        facts = json.dumps(self._facts(result)).encode()
        self._or_log("facts", lambda: write_atomic(path, facts))
        noted = last_permission_mode(self.activity.transcript)
        self.ticket.permission_mode = narrower(self.ticket.permission_mode, noted)
        self.ticket.keeps_renderer = self.forced and is_boot_pending(self.activity.config_dir, self.subject.client.pid)
        self.session.restarted_with = self.ticket.strategy
        self.ticket.swept = True
        if os.path.exists(f"{session.guard_dir}/{TICKET}"):
            self._or_log("ticket", lambda: self.ticket.write(f"{session.guard_dir}/{TICKET}"))
        remove(f"{session.guard_dir}/{REQUEST}")
        if session.relauncher:
            session.relauncher.relaunch(self.ticket, self.forced)

    def _or_log(self, name: str, write: "Callable[[], object]") -> None:
        """The client is gone: a runtime folder that is full costs the next one a file, not its start."""
        try:
            write()
        except OSError as error:
            self.session.journal.log(f"{name} of the restart not written: {described(error)}")

    def _limit(self) -> "tuple[str, int]":
        """The limit that this restart is about, by name and size."""
        session, state = self.session, self.subject.state
        if state == NORMAL and self.is_for_host:
            return "host budget", session.neighbours.budget_bytes
        limit = state if state != NORMAL else CRITICAL
        return limit.lower(), session.settings.thresholds.limit_of(limit)

    def _facts(self, result: "SweepResult") -> "dict[str, object]":
        subject = self.subject
        limit_name, limit_bytes = self._limit()
        return {
            "ticket": self.ticket.ticket_id,
            "reason": self.decision.reason,
            "footprint_bytes": subject.reading.footprint_bytes,
            "confirmed_bytes": subject.confirmed_bytes,
            "limit_bytes": limit_bytes,
            "limit_name": limit_name,
            "t_utc": time.time(),
            "forced": self.forced,
            "strategy": self.ticket.strategy,
            **self.taking_up.facts(),
            "attempt": self.ticket.attempt,
            "max_attempts": self.limits.max_attempts,
            "snapshot": self.ticket.snapshot,
            "snapshot_missing": self.capture_error,
            "ended": [{"pid": pid, "name": name, "footprint_bytes": size} for pid, name, size in result.ended],
            "spared": [{"pid": pid, "name": name, "why": why} for pid, name, why in result.spared],
            "in_flight": [
                {"tool": call.tool, "tool_use_id": call.tool_use_id, "is_denied_once": bool(call.fingerprint)}
                for call in self.cut_off
            ],
        }
