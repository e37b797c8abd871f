"""A guardian's restarts: whether one may be, how it is done, and how it ended."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from memguard.core.errors import MemguardError
from memguard.core.log import printable
from memguard.guard.restart_verdict import Verdict
from memguard.library.graceful_degradation import Failure
from memguard.library.memory_info import MEGABYTE_BYTES
from memguard.library.modes import MemoryState, ProcessState
from memguard.library.own_process import OwnProcess
from memguard.library.restart_notice import RestartNotice
from memguard.library.settling import Settling

if TYPE_CHECKING:
    from memguard.cli.live import LiveGuard
    from memguard.library.memory_guardian import MemoryGuardian

_LOG = logging.getLogger(__name__)
_NOT_OURS = "not-ours"
_FOREIGN = "memguard did not start this process, and no `memguard run` guards it"


class Restarter:
    """`was_asked` says that a guarded session's watchdog was asked, and memory has not fallen since."""

    def __init__(self, guardian: MemoryGuardian) -> None:
        self._guardian = guardian
        self._guard: LiveGuard | None = None
        self._settling: Settling | None = None
        self.was_asked = False

    def look_for_guard(self) -> None:
        """Whether the process is the client of a guarded session; that of a command of one's own never is."""
        if self._guardian.own_process is None:
            from memguard.library.guarded_session import guarded_session

            self._guard = guarded_session(self._guardian.process_id)

    async def is_allowed(self) -> bool:
        """Whether a restart may be now; a refusal is said once."""
        if self._guardian.own_process is None:
            if self._guard is None:
                await self._refuse(_FOREIGN)
            return self._guard is not None and not self.was_asked
        if self.is_settling:
            return False  # that goes without saying
        is_allowed, why = await asyncio.to_thread(self._guardian.restart_protection.can_restart)
        if not is_allowed:
            await self._refuse(why)
        return is_allowed

    def seen_with(self, verdict: Verdict) -> Verdict:
        """What protection says; where a restart is due that nobody here can make, a refusal."""
        is_due = self._guardian.memory_state.severity >= MemoryState.CRITICAL.severity
        is_possible = self._guardian.own_process is not None or self._guard is not None
        return Verdict(_NOT_OURS, _FOREIGN) if is_due and not is_possible else verdict

    @property
    def is_settling(self) -> bool:
        """Whether the outcome of the last restart is still to come."""
        return self._settling is not None

    async def restart(self, reason: str) -> bool:
        """Restart the guardian's process, whichever it is. Only under the guardian's lock."""
        guardian = self._guardian
        if not guardian.config.enabled or guardian.is_stopping:
            await self._refuse("the guardian is switched off, or stopping")
            return False
        if guardian.own_process is None:
            return await self._ask()
        try:
            number, verdict = await asyncio.to_thread(guardian.restart_protection.begin_attempt, reason)
        except OSError as error:  # an attempt that can't be counted is none that may be made
            number, verdict = 0, Verdict("", f"the record of restarts can't be written: {error.strerror or error}")
        if not number:
            await self._refuse(verdict.why)
            return False
        return await self._make(guardian.own_process, reason, number)

    async def _ask(self) -> bool:
        if self._guard is None:
            await self._refuse(_FOREIGN)
            return False
        from memguard.library.guarded_session import request_restart

        try:
            await asyncio.to_thread(request_restart, self._guard)
        except MemguardError as error:
            await self._refuse(error.what)
            return False
        self.was_asked = True
        _LOG.info("the session's watchdog was asked for a restart")
        return True

    async def _make(self, process: OwnProcess, reason: str, number: int) -> bool:
        guardian = self._guardian
        guardian.process_state = ProcessState.RESTARTING
        _LOG.info("restart %d: %s", number, printable(reason, 200))
        held_mb = guardian.stats.memory_mb
        await guardian.emit(
            "restart_initiated", reason=reason, memory_mb=held_mb, attempt_number=number, attempt=number,
            footprint_bytes=round(held_mb * MEGABYTE_BYTES), strategy="rerun",
        )  # fmt: skip
        why = await self._replace(process, await self._captured(number, reason))
        if why:
            await self._fail(why, number)
            return False
        guardian.stats.restarts += 1
        self._settling = Settling()
        if not guardian.is_monitoring:  # nobody will look whether it settles
            await self._judge(success=True, why="")
        guardian.save_statistics()
        return True

    async def _captured(self, number: int, reason: str) -> RestartNotice:
        """Without a snapshot the restart goes on all the same: the machine's memory is what it is about."""
        guardian, begun_s = self._guardian, time.monotonic()
        if not guardian.config.persist_state:
            return RestartNotice(number, reason)
        state = await guardian.state_manager.capture_state(reason)
        if state is None:
            await guardian.degradation.handle_failure(Failure.CAPTURE, guardian.state_manager.last_error)
            return RestartNotice(number, reason)
        await guardian.emit("state_captured", snapshot=state.state_id, seconds=round(time.monotonic() - begun_s, 2))
        return RestartNotice(number, reason, state.conversation.session_id, state.state_id)

    async def _replace(self, process: OwnProcess, notice: RestartNotice) -> str:
        """End the process and start the next one; why that did not succeed."""
        await self._guardian.end_own(process)
        if process.exit_code is None:
            return "the process did not end"
        if self._guardian.is_stopping:
            return "the guardian was stopped meanwhile"
        return "" if await self._guardian.start_process(notice.variables()) else self._guardian.last_refusal

    async def judge(self, state: MemoryState) -> None:
        """By a reading after a restart: has it helped?"""
        outcome = self._settling.outcome(state, self._guardian.stats.memory_mb) if self._settling else None
        if outcome is not None:
            await self._judge(success=outcome, why="" if outcome else "the process is back over its limit")

    async def process_ended(self, code: int) -> None:
        """A process that ends well before it has settled needed no more; one that fails does not count as started."""
        if self._settling:
            await self._judge(success=code == 0, why=f"the process ended with {code} before it had settled")

    async def _judge(self, *, success: bool, why: str) -> None:
        guardian, self._settling = self._guardian, None
        if not success:
            await self._fail(why, guardian.stats.restarts)
            return
        await self._record(success=True, why=why)
        guardian.last_refusal = ""
        _LOG.info("the restart helped")
        await guardian.emit(
            "restart_completed", footprint_bytes=round(guardian.stats.memory_mb * MEGABYTE_BYTES), helped=True,
            limit_bytes=guardian.limits.critical_bytes, generation=guardian.stats.restarts,
        )  # fmt: skip

    async def _fail(self, why: str, number: int) -> None:
        guardian = self._guardian
        await self._record(success=False, why=why)
        guardian.stats.failed_restarts += 1
        guardian.last_refusal = why
        _LOG.error("the restart failed: %s", printable(why, 300))
        await guardian.emit("restart_failed", why=why, attempt=number)
        await guardian.degradation.handle_failure(Failure.RESTART, why)

    async def _record(self, *, success: bool, why: str) -> None:
        try:
            await asyncio.to_thread(self._guardian.restart_protection.record_attempt, success, why)
        except OSError as error:
            _LOG.error("the outcome of a restart can't be recorded: %s", error.strerror)

    async def _refuse(self, why: str) -> None:
        """A refusal is told when it is another than the last one."""
        if _kind(why) == _kind(self._guardian.last_refusal):
            return
        self._guardian.last_refusal = why
        _LOG.error("no restart: %s", printable(why, 300))
        await self._guardian.emit("restart_failed", why=why, attempt=0)


def _kind(why: str) -> str:
    """Without the numbers: seconds that run down are no news."""
    return "".join(character for character in why if not character.isdecimal())
