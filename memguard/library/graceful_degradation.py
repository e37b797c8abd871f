"""What a program may still do while restarts can't help: by the engine's rules, in the program's own process."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from memguard.core.degradation import EMERGENCY_ALLOWS, READ_ONLY_DENIES, compiled_patterns, denies
from memguard.core.log import described, printable
from memguard.core.thresholds import Thresholds
from memguard.guard.degradation import DegradationView, decide
from memguard.guard.restart_verdict import Verdict
from memguard.library.memory_info import MemoryInfo
from memguard.library.modes import DegradationMode

_LOG = logging.getLogger(__name__)
Notify = Callable[[DegradationMode, str], Awaitable[None] | None]


class Failure(Enum):
    """A part of memguard that can fail."""

    MONITORING = "monitoring"
    CAPTURE = "capture"
    RESTART = "restart"
    CONFIGURATION = "configuration"


class Fallback(Enum):
    """What is done instead."""

    TIME_BASED_CHECKS = "time-based checks"
    CONTINUE_WITHOUT_STATE = "continue without state preservation"
    READ_ONLY_MODE = "read-only mode"
    SAFE_DEFAULTS = "safe defaults"


STRATEGIES: Mapping[Failure, Fallback] = {
    Failure.MONITORING: Fallback.TIME_BASED_CHECKS,
    Failure.CAPTURE: Fallback.CONTINUE_WITHOUT_STATE,
    Failure.RESTART: Fallback.READ_ONLY_MODE,
    Failure.CONFIGURATION: Fallback.SAFE_DEFAULTS,
}

_WHAT = {
    DegradationMode.NORMAL: "everything is carried out",
    DegradationMode.WARNING: "memory is looked at more often",
    DegradationMode.READ_ONLY: "tools that write or take memory are not carried out",
    DegradationMode.EMERGENCY: "only tools that read are carried out",
}


class GracefulDegradation:
    """The mode, and which tools it denies.

    `read_only` are patterns of tools that READ_ONLY denies, `emergency` the only tools that EMERGENCY carries out
    (docs/degradation.md). `notify` is called with mode and reason, once per change; it may be a coroutine function.
    A program asks `allows` before it runs a tool; one of the Agent SDK gives `pre_tool_use` as its PreToolUse hook.
    """

    def __init__(
        self,
        read_only: Sequence[str] = READ_ONLY_DENIES,
        emergency: Sequence[str] = EMERGENCY_ALLOWS,
        notify: Notify | None = None,
    ) -> None:
        pairs = compiled_patterns(list(read_only), list(emergency), is_enabled=True)
        self._pairs = {name: str(value) for name, value in pairs.items()}
        self._notify = notify
        self._enforced = DegradationMode.NORMAL
        self.mode = DegradationMode.NORMAL
        self.reason = ""

    async def apply_degradation(self, mode: DegradationMode, reason: str = "") -> None:
        """Go over to a mode, and tell; nothing where it is the mode already."""
        if mode is self.mode:
            return
        self.mode, self.reason = mode, reason
        if mode is DegradationMode.READ_ONLY:
            self.disable_file_operations()
        elif mode is DegradationMode.EMERGENCY:
            self.enable_emergency_mode()
        else:
            self._enforced = DegradationMode.NORMAL
        await self.notify_degradation(mode)

    def disable_file_operations(self) -> None:
        """Deny what READ_ONLY denies: tools that write files, start programs or bring whole pages."""
        self._enforced = DegradationMode.READ_ONLY

    def enable_emergency_mode(self) -> None:
        """Allow what EMERGENCY allows, and nothing else."""
        self._enforced = DegradationMode.EMERGENCY

    async def notify_degradation(self, mode: DegradationMode) -> None:
        """Say it in the log and to whoever asked to be told; a listener that fails changes nothing."""
        why = f" ({self.reason})" if self.reason else ""
        _LOG.warning("degradation mode %s: %s%s", mode.name, _WHAT[mode], printable(why, 300))
        if self._notify is None:
            return
        try:
            answer = self._notify(mode, self.reason)
            if inspect.isawaitable(answer):
                await answer
        except Exception as error:  # noqa: BLE001  whatever a listener raises
            _LOG.error("a listener of degradation failed: %s", described(error))

    async def handle_failure(self, failure: Failure, why: str = "") -> Fallback:
        """What follows by the strategy table; a failed restart puts READ_ONLY in force at once."""
        fallback = STRATEGIES[failure]
        _LOG.warning("%s failed (%s): %s", failure.value, printable(why, 200), fallback.value)
        if fallback is Fallback.READ_ONLY_MODE and self.mode.severity < DegradationMode.READ_ONLY.severity:
            await self.apply_degradation(DegradationMode.READ_ONLY, why)
        return fallback

    async def update(
        self, info: MemoryInfo, limits: Thresholds, verdict: Verdict, *, is_judged: bool = True
    ) -> DegradationMode:
        """The mode that follows from a reading and from what protection says, by the engine's rules; applied.

        `is_judged` off: the process has just begun, and what it holds says nothing yet.
        """
        view = DegradationView(info.footprint_bytes, limits, verdict)
        view.is_judged = is_judged
        mode = DegradationMode.of(decide(view, self.mode.name))
        await self.apply_degradation(mode, verdict.why if not verdict.is_allowed else "")
        return self.mode

    def allows(self, tool: str, command: str = "") -> bool:
        """Whether a call of `tool` may be carried out now; `command` is a shell tool's."""
        return not denies(self._pairs, self._enforced.name, tool, lambda: command)

    def denial(self, tool: str, command: str = "") -> str:
        """Why it may not; empty where it may."""
        if self.allows(tool, command):
            return ""
        why = f": {self.reason}" if self.reason else ""
        name = printable(tool, 60)
        return (
            f"memguard ({self._enforced.name}): this {name} call was not carried out{why}. {_outlook(self._enforced)}"
        )

    async def pre_tool_use(self, hook_input: Any, tool_use_id: str | None = None, context: Any = None) -> Any:
        """A PreToolUse hook of the Agent SDK; `hook_input` has `tool_name` and `tool_input`."""
        del tool_use_id, context
        tool, given = str(hook_input.get("tool_name", "")), hook_input.get("tool_input")
        command = given.get("command", "") if isinstance(given, Mapping) else ""
        denial = self.denial(tool, str(command))
        if not denial:
            return {}
        decision = {"permissionDecision": "deny", "permissionDecisionReason": denial}
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **decision}}


def _outlook(mode: DegradationMode) -> str:
    return f"While this lasts, {_WHAT[mode]}; it ends by itself when memory falls, or a restart is allowed again."
