"""The plain files of a snapshot, made of its record alone: so whoever has the key can tell any change in them.

`about` says what it is a form of. Whatever is added to it is a new form, and the older ones are still known: otherwise
a newer memguard would call every older snapshot changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.state.reuse import REWRITTEN, TRUNCATED
from memguard.state.segment import session_folder
from memguard.state.segment_list import Need, list_to_bytes
from memguard.state.source import MAIN

if TYPE_CHECKING:
    from memguard.state.snapshot import Snapshot, TranscriptPart

MANIFEST = "manifest.sealed"
SEGMENTS = "segments"
ABOUT = "about"
FORMAT = "3"
FORMATS = ("2", FORMAT)
# Snapshots of this one had no list of segments, and shared none.
OLDEST_FORMAT = "1"
_SINCE_3 = ("main", "main_bytes", "main_replaced")
# What a record says is missing begins like this where the conversation could be read up to there only.
NOT_ALL = "the conversation from byte"
# And like this where it could not be read at all.
NOT_THERE = "the conversation:"
WHOLE, PART, NONE = "whole", "part", "none"


def plain_files(snapshot: Snapshot, manifest_bytes: int, form: str = FORMAT) -> dict[str, bytes]:
    """Their content by name: what is listed without a key, and which segments must stay. `form` is one of FORMATS."""
    needs = needs_of(snapshot)
    main = main_of(snapshot)
    pairs = {
        "format": form,
        "id": snapshot["id"],
        "t_utc": f"{snapshot['t_utc']:.3f}",
        "reason": snapshot["restart"]["reason"],
        "session": snapshot["session_id"],
        "client_pid": snapshot["process"]["pid"],
        "footprint_bytes": snapshot["process"]["footprint_bytes"],
        "privacy": snapshot["privacy"],
        "streams": len(snapshot["transcripts"]),
        "transcript_bytes": sum(part["size_bytes"] for part in snapshot["transcripts"]),
        "segments": len(needs),
        "segments_bytes": sum(need.sealed_bytes for need in needs),
        "manifest_bytes": manifest_bytes,
        "missing": len(snapshot["missing"]),
        "main": _held(snapshot, main),
        "main_bytes": main["size_bytes"] if main else 0,
        "main_replaced": int(main is not None and is_replaced(main)),
    }
    lines = {
        name: str(value).replace("\n", "?") for name, value in pairs.items() if form == FORMAT or name not in _SINCE_3
    }
    about = "".join(f"{name}={value}\n" for name, value in lines.items())
    # Half of a surrogate pair, which no capture writes, has no bytes.
    return {ABOUT: about.encode("utf-8", "replace"), SEGMENTS: list_to_bytes(needs)}


def main_of(snapshot: Snapshot) -> TranscriptPart | None:
    """The session's own conversation; None where the snapshot holds none of it."""
    return next((part for part in snapshot["transcripts"] if part["name"] == MAIN and part["is_sealed"]), None)


def is_replaced(part: TranscriptPart) -> bool:
    """Whether the client's file no longer held what captures before had sealed of it."""
    return part["begun"] in (TRUNCATED, REWRITTEN)


def _held(snapshot: Snapshot, main: TranscriptPart | None) -> str:
    if main is None:
        return NONE
    return PART if any(missing.startswith(NOT_ALL) for missing in snapshot["missing"]) else WHOLE


def needs_of(snapshot: Snapshot) -> list[Need]:
    """Every segment that the record names."""
    session = session_folder(snapshot["session_id"])
    return [
        Need(session, part["name"], segment["name"], segment["sealed_bytes"])
        for part in snapshot["transcripts"]
        for segment in part["segments"]
    ]


def manifest_context(project_key: str, snapshot_id: str) -> bytes:
    """Where a record belongs; it opens nowhere else."""
    return f"{project_key}/{snapshot_id}/{MANIFEST}".encode()
