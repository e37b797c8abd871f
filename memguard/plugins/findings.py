"""What detectors look at, and what they find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memguard.core.log import printable
from memguard.plugins.fields import made_of
from memguard.plugins.parts import PartView, parts_of

LONGEST_SUMMARY = 200


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A session as the watchdog has just read it: at most once a second, and only where a plugin detects."""

    t_utc: float = 0.0
    session: str = ""
    client_pid: int = 0
    state: str = ""
    footprint_bytes: int = 0
    warning_bytes: int = 0
    critical_bytes: int = 0
    emergency_bytes: int = 0
    parts: tuple[PartView, ...] = ()


def reading_of(given: Mapping[str, Any]) -> Reading:
    """The reading in a message."""
    return made_of(Reading, given, parts=parts_of(given.get("parts")))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a detector has to say of a reading, in one line of at most 200 characters.

    It is recorded in the project's `events.jsonl`, and given to every plugin that acts. With `wants_snapshot` memguard
    also takes a snapshot, at most one a minute. `detector` is the plugin's name; memguard sets it.
    """

    summary: str
    wants_snapshot: bool = False
    detector: str = ""

    def line(self) -> dict[str, object]:
        """It, as it is recorded."""
        summary = printable(str(self.summary), LONGEST_SUMMARY)
        return {"plugin": self.detector, "summary": summary, "wants_snapshot": bool(self.wants_snapshot)}
