"""The record of one moment of a session: what the manifest of a snapshot holds."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, TypedDict, cast

from memguard.core.errors import EnvelopeError, StateError
from memguard.state.redact import redact_text

if TYPE_CHECKING:
    from memguard.state.conversation import Conversation
    from memguard.state.process import ProcessSnapshot
    from memguard.state.project import ProjectSnapshot

VERSION = 1
_MOST_ATTEMPTS = 20
_LONGEST_RECORD = 262144


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


class TranscriptPart(TypedDict):
    """The conversation's file: `size_bytes` as the client had it, `is_sealed` whether the snapshot holds it."""

    path: str
    size_bytes: int
    redactions: int
    is_sealed: bool


class Snapshot(TypedDict):
    """Everything. `missing` says in words what could not be captured."""

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
    transcript: TranscriptPart
    missing: list[str]


def to_json(snapshot: Snapshot) -> bytes:
    """As the manifest holds it."""
    return json.dumps(snapshot, ensure_ascii=True, separators=(",", ":")).encode()


def from_json(data: bytes) -> Snapshot:
    """What `to_json` wrote; the envelope has made sure that nobody else did. StateError for another version."""
    try:
        found = json.loads(data)
        version = found["version"]
    except (ValueError, KeyError, TypeError):
        raise EnvelopeError("the snapshot's manifest is not a record", "use another snapshot") from None
    if version != VERSION:
        raise StateError(
            f"the snapshot is a record of version {version}, this memguard reads {VERSION}", "install a newer memguard"
        )
    return cast("Snapshot", found)


def new_id(now_utc_s: float | None = None) -> str:
    """A new snapshot's id, such as `20261123T013405Z-1f3a9c`: sorts by time, to 1/4096 s, and is random beyond."""
    now = time.time() if now_utc_s is None else now_utc_s
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    return f"{stamp}-{int(now % 1 * 4096):03x}{os.urandom(2).hex()[:3]}"


def earlier_attempts(path: str, guard: str) -> list[Attempt]:
    """The guard's restarts from the project's protection file, oldest first; empty where it can't be read."""
    try:
        with open(path, "rb") as file:
            attempts = json.loads(file.read(_LONGEST_RECORD))["attempts"]
        found: list[Attempt] = [
            {"t_utc": float(attempt["t_utc"]), "reason": redact_text(str(attempt.get("reason", "")))[:300]}
            for attempt in attempts
            if attempt["guard"] == guard
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return found[-_MOST_ATTEMPTS:]
