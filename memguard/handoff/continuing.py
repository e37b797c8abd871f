"""What became of the earlier conversation, for the one who reads the digest and for the person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.core.ticket import FRESH, RESUME
from memguard.core.units import format_size

if TYPE_CHECKING:
    from memguard.handoff.facts import Facts


def sentences(facts: Facts) -> list[str]:
    """What there is to say of the conversation's file, and of why it was not resumed."""
    said = []
    if facts.torn_bytes and facts.strategy == RESUME:
        torn = format_size(facts.torn_bytes)
        said.append(
            f"The last line of the conversation was torn ({torn}) and set aside: it is not part of it any more."
        )
    if facts.is_refused:
        said.append("The client refused to resume the earlier conversation, whose file is as it was.")
    elif facts.strategy == FRESH and facts.predicted_limit:
        held, read = format_size(facts.predicted_bytes), format_size(facts.transcript_bytes)
        said.append(f"Resuming the earlier conversation ({read}) was predicted to hold {held}; {_limit(facts)}.")
    return said


def why_new(facts: Facts) -> str:
    """Why the person finds a new session, to follow those words; empty where the reason needs none."""
    if facts.is_refused:
        return ", since the client refused to resume the one before"
    if facts.predicted_limit:
        return f", since resuming the one before would take {format_size(facts.predicted_bytes)}"
    return ""


def _limit(facts: Facts) -> str:
    size = format_size(facts.predicted_limit_bytes)
    if facts.predicted_limit == "host":
        return f"the host has {size} left"
    return f"the {facts.predicted_limit} limit is {size}"
