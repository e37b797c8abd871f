"""The plain files of a snapshot, made of its record alone: so whoever has the key can tell any change in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.state.segment import session_folder
from memguard.state.segment_list import Need, list_to_bytes

if TYPE_CHECKING:
    from memguard.state.snapshot import Snapshot

MANIFEST = "manifest.sealed"
SEGMENTS = "segments"
ABOUT = "about"
FORMAT = "2"


def plain_files(snapshot: Snapshot, manifest_bytes: int) -> dict[str, bytes]:
    """Their content by name: what is listed without a key, and which segments must stay."""
    needs = needs_of(snapshot)
    pairs = {
        "format": FORMAT,
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
    }
    about = "".join(f"{name}={value}\n" for name, value in pairs.items())
    # Half of a surrogate pair, which no capture writes, has no bytes.
    return {ABOUT: about.encode("utf-8", "replace"), SEGMENTS: list_to_bytes(needs)}


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
