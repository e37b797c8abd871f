"""A snapshot's record as a `CompleteState`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memguard.library.complete_state import (
    CapturedProcess,
    CompleteState,
    ConversationState,
    ProjectState,
    RestartState,
)
from memguard.library.memory_info import MEGABYTE_BYTES

if TYPE_CHECKING:
    from memguard.state.snapshot import Snapshot

_METADATA = ("id", "t_utc", "memguard_version", "project_key", "privacy", "missing")


def complete_state(snapshot: Snapshot) -> CompleteState:
    """What of an opened record a program may want; the conversation itself stays sealed in the store."""
    process, project = snapshot["process"], snapshot["project"]
    git = project["git"]
    return CompleteState(
        _conversation(snapshot),
        CapturedProcess(
            process["pid"], list(process["command"]), dict(process["environment"]),
            process["footprint_bytes"] / MEGABYTE_BYTES, process["started_utc"],
        ),
        ProjectState(project["cwd"], git["branch"], git["head"], list(git["status"]), list(project["open_files"])),
        RestartState(snapshot["restart"]["reason"], [dict(attempt) for attempt in snapshot["restart"]["attempts"]]),
        _metadata(snapshot),
    )  # fmt: skip


def _conversation(snapshot: Snapshot) -> ConversationState:
    found = snapshot["conversation"]
    return ConversationState(
        session_id=snapshot["session_id"],
        recent_context=[request["text"] for request in found["requests"]],
        last_text=found["last_text"],
        summary=found["summary"],
        todos=[todo["text"] for todo in found["todos"]],
        files=list(found["files"]),
        in_flight=[f"{call['tool']}: {call['what']}" for call in found["in_flight"]],
        transcript_bytes=sum(part["size_bytes"] for part in snapshot["transcripts"]),
    )


def _metadata(snapshot: Snapshot) -> dict[str, Any]:
    return {name: snapshot[name] for name in _METADATA}  # type: ignore[literal-required]


def state_of_facts(about: dict[str, str], snapshot_id: str) -> CompleteState:
    """Where the record can't be opened here, its key being behind a passphrase: the plain facts beside it."""
    sizes = [about.get(name, "0") for name in ("transcript_bytes", "footprint_bytes")]
    transcript_bytes, footprint_bytes = (int(text) if text.isascii() and text.isdecimal() else 0 for text in sizes)
    return CompleteState(
        ConversationState(session_id=about.get("session", ""), transcript_bytes=transcript_bytes),
        CapturedProcess(memory_mb=footprint_bytes / MEGABYTE_BYTES),
        restart=RestartState(reason=about.get("reason", "")),
        metadata={"id": snapshot_id, "t_utc": about.get("t_utc", ""), "missing": ["the record: it was not opened"]},
    )
