"""The digest of a snapshot that no restart belongs to: what a new session that goes on from it would read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.handoff.about_restart import RESTORE
from memguard.handoff.digest import build_digest
from memguard.handoff.facts import Facts

if TYPE_CHECKING:
    from memguard.state.snapshot import Snapshot


def snapshot_digest(snapshot: Snapshot) -> str:
    """At most 10,000 characters, as a new session gets it that doesn't have the conversation."""
    return build_digest(Facts({}), snapshot, None, RESTORE)
