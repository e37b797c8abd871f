"""The record of one moment of a session: what the manifest of a snapshot holds."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, TypedDict, cast

from memguard.core.errors import EnvelopeError, StateError
from memguard.core.log import printable
from memguard.state.redact import redact_arguments, redact_text
from memguard.state.shape import is_record

if TYPE_CHECKING:
    from memguard.state.conversation import Conversation
    from memguard.state.process import ProcessSnapshot, RunningProcess
    from memguard.state.project import ProjectSnapshot
    from memguard.state.segment import SegmentPart

VERSION = 2
_MOST_ATTEMPTS = 20
_LONGEST_PROTECTION = 1048576
# Some 100 KB as a rule; 2000 sub-agents with all that can be beside their transcripts are 130 MB.
LONGEST_RECORD_BYTES = 268435456


class Attempt(TypedDict):
    """An earlier restart of the same guard; `t_utc` is in seconds since 1970."""

    t_utc: float
    reason: str


class RestartContext(TypedDict):
    """Why this was captured, and what was tried before."""

    reason: str
    guard: str
    ticket: str
    attempts: list[Attempt]


class RecordVersionError(StateError):
    """The record is of a version that this memguard doesn't read."""


class TranscriptPart(TypedDict):
    """One stream, from its first byte to `size_bytes` of what the client had: `main`, or `agent-…`.

    `begun` says why it was sealed from its first byte on; empty where a capture went on from an earlier one.
    `is_sealed` is off where it could not be read. A last segment that ends within a line is of this snapshot alone.
    `meta` is what the client keeps of a sub-agent beside its transcript, as text; empty where there is nothing.
    """

    name: str
    path: str
    size_bytes: int
    redactions: int
    is_sealed: bool
    begun: str
    meta: str
    segments: list[SegmentPart]


class Snapshot(TypedDict):
    """Everything. `transcripts` begins with the main one; `missing` says in words what could not be captured."""

    version: int
    id: str
    t_utc: float
    memguard_version: str
    project_key: str
    session_id: str
    conversation: Conversation
    process: ProcessSnapshot
    project: ProjectSnapshot
    restart: RestartContext
    privacy: str
    transcripts: list[TranscriptPart]
    missing: list[str]


def to_json(snapshot: Snapshot) -> bytes:
    """As the manifest holds it."""
    return json.dumps(snapshot, ensure_ascii=True, separators=(",", ":")).encode()


def from_json(data: bytes) -> Snapshot:
    """What `to_json` wrote. RecordVersionError for another version, EnvelopeError for what is no record."""
    try:
        found = parsed(data)
    except (ValueError, RecursionError):
        raise _no_record() from None
    return checked(found)


def parsed(data: bytes) -> object:
    """JSON that anybody may have sealed. ValueError, or RecursionError, for what is none, `Infinity` and `NaN` too."""
    found: object = json.loads(data, parse_constant=_no_number)
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def checked(found: object) -> Snapshot:
    """What was parsed, where it is a record; errors as of `from_json`."""
    version = found.get("version") if isinstance(found, dict) else None
    if not isinstance(version, (int, str)):
        raise _no_record()
    if version != VERSION:
        is_newer = isinstance(version, int) and version > VERSION
        raise RecordVersionError(
            f"the snapshot is a record of version {printable(str(version), 20)}, this memguard reads {VERSION}",
            "install a newer memguard (`pip install -U claude-memguard`)" if is_newer else "use another snapshot",
        )
    if not is_record(found):
        raise _no_record()
    return cast("Snapshot", found)


def _no_record() -> EnvelopeError:
    return EnvelopeError("the snapshot's manifest is not a record", "use another snapshot")


def new_id(now_utc_s: float | None = None) -> str:
    """A new snapshot's id, such as `20261123T013405Z-1f3a9c`: sorts by time, to 1/4096 s, and is random beyond."""
    now = time.time() if now_utc_s is None else now_utc_s
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    return f"{stamp}-{int(now % 1 * 4096):03x}{os.urandom(2).hex()[:3]}"


def earlier_attempts(path: str, guard: str) -> list[Attempt]:
    """The guard's restarts from the protection file, oldest first; empty where it can't be read."""
    try:
        with open(path, "rb") as file:
            attempts = json.loads(file.read(_LONGEST_PROTECTION))["attempts"]
        found: list[Attempt] = [
            {"t_utc": float(attempt["t_utc"]), "reason": redact_text(str(attempt.get("reason", "")))[:300]}
            for attempt in attempts
            if attempt["guard"] == guard
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return found[-_MOST_ATTEMPTS:]


def without_segments(snapshot: Snapshot) -> Snapshot:
    """The record for who is told of it: without the environment and what the store needs, and never with a secret."""
    running: list[RunningProcess] = [
        {**process, "command": redact_text(process["command"])} for process in snapshot["process"]["tree"]
    ]
    command = redact_arguments(snapshot["process"]["command"])
    process: ProcessSnapshot = {**snapshot["process"], "environment": {}, "command": command, "tree": running}
    transcripts: list[TranscriptPart] = [{**part, "segments": []} for part in snapshot["transcripts"]]
    return {**snapshot, "process": process, "transcripts": transcripts}
