"""The person's own summariser: an entry point of an installed distribution, run beside the worker with a time limit.

Only the person's configuration names one, and it is found only among what is installed with memguard itself: no file of
a project, no variable and no folder of a session has a say. It is given what the digest is made of, which has been
redacted; what it answers is redacted once more, cut, and shown to the model as quoted data.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from memguard.core.errors import StateError
from memguard.core.log import printable
from memguard.handoff.beside import answer_of

if TYPE_CHECKING:
    from memguard.handoff.digest import Material

GROUP = "memguard.summarisers"
# The hook gives up after 7 s, and git has had one of them; a person waits for this at the start of their session.
TIME_LIMIT_S = 4.0
LONGEST_TEXT = 4000
_VERSION = 1
_HINT = "`memguard config show` says what is configured; it has to be installed where memguard is"


def summarise(name: str, material: Material, time_limit_s: float = TIME_LIMIT_S) -> str:
    """What the summariser makes of the facts: at most 4,000 characters, without secrets, possibly none.

    Raises StateError where it isn't there, fails, takes too long, or answers something else than a text.
    """
    from memguard.state.redact import redact_text

    answer = _answer(name, json.dumps(facts_of(material)).encode(), time_limit_s)
    text = answer.get("text")
    if not isinstance(text, str):
        raise StateError(f"it failed: {printable(str(answer.get('error', 'no answer')), 200)}", _HINT)
    return redact_text(text[: LONGEST_TEXT * 2])[:LONGEST_TEXT].strip()


def facts_of(material: Material) -> dict[str, Any]:
    """What a summariser is given: the record without environment and command line, and what the watchdog noted."""
    record, facts = material.record, material.facts
    return {
        "version": _VERSION,
        "source": material.source,
        "session_id": record["session_id"] if record else "",
        "snapshot_id": record["id"] if record else facts.snapshot,
        "snapshot_utc": record["t_utc"] if record else 0,
        "conversation": material.conversation,
        "project": record["project"] if record else {},
        "git_now": material.git_now or {},
        "restart": {
            "reason": facts.reason,
            "strategy": facts.strategy,
            "footprint_bytes": facts.size_bytes,
            "ended": facts.ended,
            "spared": facts.spared,
            "in_flight": facts.in_flight,
        },
    }


def _answer(name: str, facts: bytes, time_limit_s: float) -> dict[str, Any]:
    command = [sys.executable, "-I", "-m", "memguard.handoff.summarising", name, f"{time_limit_s:.3f}"]
    output = answer_of(command, facts, time_limit_s)
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        raise StateError("it ended without an answer", _HINT) from None
    return answer if isinstance(answer, dict) else {}
