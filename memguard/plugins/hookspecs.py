"""Every hook that a plugin may implement, for pluggy. A plugin marks its own with `hookimpl`."""

from __future__ import annotations

import pluggy

from memguard.plugins.events import (
    Event,
    MemoryThresholdExceeded,
    MemoryWarning,
    MonitoringStarted,
    MonitoringStopped,
    RestartCompleted,
    RestartFailed,
    RestartInitiated,
    StateCaptured,
    StateRestored,
)
from memguard.plugins.findings import Finding, Reading
from memguard.plugins.questions import CulpritQuestion, DigestQuestion, StrategyQuestion

PROJECT = "memguard"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class MemguardSpecs:
    """The hooks. A name that isn't here, or an argument of another name, keeps a plugin from being loaded."""

    @hookspec
    def memory_threshold_exceeded(self, event: MemoryThresholdExceeded) -> None:
        """A limit was reached."""

    @hookspec
    def memory_warning(self, event: MemoryWarning) -> None:
        """The warning limit was reached."""

    @hookspec
    def monitoring_started(self, event: MonitoringStarted) -> None:
        """A session is guarded from here on."""

    @hookspec
    def monitoring_stopped(self, event: MonitoringStopped) -> None:
        """A guarded session is over."""

    @hookspec
    def restart_initiated(self, event: RestartInitiated) -> None:
        """The client is about to be ended, to be started again."""

    @hookspec
    def restart_completed(self, event: RestartCompleted) -> None:
        """The next client has settled."""

    @hookspec
    def restart_failed(self, event: RestartFailed) -> None:
        """There was no restart."""

    @hookspec
    def state_captured(self, event: StateCaptured) -> None:
        """There is a snapshot."""

    @hookspec
    def state_restored(self, event: StateRestored) -> None:
        """The next client goes on where the one before it was."""

    @hookspec
    def event_recorded(self, event: Event) -> None:
        """Anything that memguard records, the nine above included: this is called besides."""

    @hookspec
    def detect(self, reading: Reading) -> Finding | None:
        """A detector: what there is to say of this reading, if anything."""

    @hookspec
    def act(self, finding: Finding) -> None:
        """An action: something was found, by this plugin or another."""

    @hookspec(firstresult=True)
    def choose_culprit(self, question: CulpritQuestion) -> int | None:
        """The pid of the part that is to go; None to leave it to the next plugin, and at last to memguard."""

    @hookspec(firstresult=True)
    def choose_strategy(self, question: StrategyQuestion) -> str | None:
        """`resume` or `fresh`; None to leave it to others."""

    @hookspec(firstresult=True)
    def build_digest(self, question: DigestQuestion) -> str | None:
        """What a new session reads of the one before it, in place of memguard's own sections; None: those."""

    @hookspec
    def stopping(self) -> None:
        """The worker ends: finish what was begun, within the time of any call."""


HOOKS = tuple(name for name in vars(MemguardSpecs) if not name.startswith("_"))
