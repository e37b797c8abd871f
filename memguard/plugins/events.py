"""What plugins are told: one object per event. Sizes are bytes, times seconds; `..._mb` are the seed's megabytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from memguard.plugins.fields import made_of

MEGABYTE_BYTES = 1024 * 1024


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Event:
    """Any event. `fields` is all that was recorded of it, as it stands in the project's `events.jsonl`.

    `t_utc` is in seconds since the epoch, `guard` the id of the guarded session's guard, `project` the project's
    folder, `session` the Claude session's id (empty before its first hook), `client_pid` the client's (0 before one).
    """

    event: str = ""
    t_utc: float = 0.0
    guard: str = ""
    project: str = ""
    session: str = ""
    client_pid: int = 0
    fields: Mapping[str, Any] = field(default_factory=_nothing, repr=False)


@dataclass(frozen=True, kw_only=True)
class MonitoringStarted(Event):
    """A watchdog has begun; `pid` is its own."""

    pid: int = 0


@dataclass(frozen=True, kw_only=True)
class MonitoringStopped(Event):
    """The guarded session is over; `pid` is its watchdog's."""

    pid: int = 0


@dataclass(frozen=True, kw_only=True)
class _MemoryEvent(Event):
    state: str = ""
    footprint_bytes: int = 0
    limit_bytes: int = 0

    @property
    def memory_mb(self) -> float:
        """What the session holds, in megabytes."""
        return self.footprint_bytes / MEGABYTE_BYTES

    @property
    def threshold_mb(self) -> float:
        """The limit that it has reached, in megabytes."""
        return self.limit_bytes / MEGABYTE_BYTES

    @property
    def process_id(self) -> int:
        """The client's pid."""
        return self.client_pid


@dataclass(frozen=True, kw_only=True)
class MemoryWarning(_MemoryEvent):
    """The confirmed footprint has reached the warning limit, for the first time with this client."""


@dataclass(frozen=True, kw_only=True)
class MemoryThresholdExceeded(_MemoryEvent):
    """It has reached `state` (WARNING, CRITICAL, EMERGENCY) for the first time with this client.

    `would` says what memguard would do now, where it only observes: then there are no sizes.
    """

    would: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RestartInitiated(Event):
    """The client is about to be ended. `strategy` is resume, fresh or rerun; `snapshot` may be empty."""

    reason: str = ""
    attempt: int = 0
    footprint_bytes: int = 0
    snapshot: str = ""
    strategy: str = ""

    @property
    def memory_mb(self) -> float:
        """What the session holds, in megabytes."""
        return self.footprint_bytes / MEGABYTE_BYTES

    @property
    def attempt_number(self) -> int:
        """Which restart within the protection's window it is, counted from 1."""
        return self.attempt


@dataclass(frozen=True, kw_only=True)
class RestartCompleted(Event):
    """The next client has settled; `helped` says whether below the critical limit (`limit_bytes`)."""

    footprint_bytes: int = 0
    limit_bytes: int = 0
    helped: bool = False
    generation: int = 0


@dataclass(frozen=True, kw_only=True)
class RestartFailed(Event):
    """A restart was refused, not safe, or went wrong; `attempt` is 0 where none was counted."""

    why: str = ""
    attempt: int = 0


@dataclass(frozen=True, kw_only=True)
class StateCaptured(Event):
    """A snapshot was taken and opened again; `seconds` is what it took."""

    snapshot: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StateRestored(Event):
    """The client that was started again has its conversation (`strategy` resume), or the digest of it (fresh)."""

    strategy: str = ""
    generation: int = 0


KINDS: dict[str, type[Event]] = {
    "memory_threshold_exceeded": MemoryThresholdExceeded,
    "memory_warning": MemoryWarning,
    "monitoring_started": MonitoringStarted,
    "monitoring_stopped": MonitoringStopped,
    "restart_completed": RestartCompleted,
    "restart_failed": RestartFailed,
    "restart_initiated": RestartInitiated,
    "state_captured": StateCaptured,
    "state_restored": StateRestored,
}


def event_of(line: Mapping[str, Any]) -> Event:
    """The object of a recorded event; an `Event` for one that has no kind of its own."""
    return made_of(KINDS.get(str(line.get("event")), Event), line, fields=MappingProxyType(dict(line)))
