"""The one line that the person reads after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.core.log import printable
from memguard.core.ticket import FRESH
from memguard.core.units import format_size
from memguard.handoff.continuing import why_new
from memguard.handoff.facts import whole_number

if TYPE_CHECKING:
    from memguard.handoff.facts import Facts


def person_line(facts: Facts, snapshot_id: str, unsent: int = 0, session_id: str = "") -> str:
    """Why, what was ended, the snapshot, how to go back and how to pause; and what they typed in vain."""
    parts = [_why(facts), _ended(facts)]
    if unsent:
        parts.append(f"not sent: {unsent} message{'s' * (unsent > 1)} that you typed during the turn")
    if snapshot_id:
        parts.append(f"snapshot {snapshot_id} (to see it: memguard snapshots show {snapshot_id})")
    else:
        parts.append(f"NO snapshot was taken: {facts.snapshot_missing or 'unknown why'}")
    if facts.strategy == FRESH and session_id:
        parts.append(f"this is a new session{why_new(facts)}")
        parts.append(f"the one before is unchanged: claude --resume {session_id}")
    return f"memguard restarted this session: {'; '.join(filter(None, parts))}; to stop this: memguard pause"


def _why(facts: Facts) -> str:
    return "you asked for it" if facts.is_asked_for else _size(facts)


def _size(facts: Facts) -> str:
    if not facts.size_bytes:
        return facts.reason or "the reason was not noted"
    limit = f", {facts.limit_name or 'memory'} limit {format_size(facts.limit_bytes)}" if facts.limit_bytes else ""
    return f"it held {format_size(facts.size_bytes)}{limit}"


def _ended(facts: Facts) -> str:
    """The largest by name, the others by number."""
    ended = sorted(facts.ended, key=lambda process: -whole_number(process.get("footprint_bytes")))
    if not ended:
        return "ended: the client" + (" by force" if facts.is_forced else "")
    size = format_size(whole_number(ended[0].get("footprint_bytes")))
    more = f" and {len(ended) - 1} more" if len(ended) > 1 else ""
    return f"ended: the client and {printable(str(ended[0].get('name', '')), 40)} ({size}){more}"
