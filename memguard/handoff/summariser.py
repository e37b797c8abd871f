"""The person's own summariser: an entry point of an installed distribution, run beside the worker with a time limit.

Only the person's configuration names one, and it is found only among what is installed with memguard itself: no file of
a project, no variable and no folder of a session has a say. It is given what the digest is made of, which has been
redacted; what it answers is redacted once more, cut, and shown to the model as quoted data.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from memguard.core.errors import StateError
from memguard.core.log import printable

if TYPE_CHECKING:
    from memguard.handoff.digest import Material

GROUP = "memguard.summarisers"
# The hook gives up after 7 s, and git has had one of them; a person waits for this at the start of their session.
TIME_LIMIT_S = 4.0
LONGEST_TEXT = 4000
LONGEST_ANSWER_BYTES = 65536
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
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        threading.Thread(target=_give, args=(process, facts), daemon=True).start()
        try:
            output = _read(process, time.monotonic() + time_limit_s)
        finally:
            # With all that it started, and before it is reaped: until then its number is nobody else's.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        raise StateError("it ended without an answer", _HINT) from None
    return answer if isinstance(answer, dict) else {}


def _give(process: subprocess.Popen[bytes], facts: bytes) -> None:
    """In a thread of its own: whoever doesn't read what it is given must not hold up the worker."""
    if process.stdin:
        with contextlib.suppress(OSError, ValueError):
            process.stdin.write(facts)
            process.stdin.close()


def _read(process: subprocess.Popen[bytes], deadline_s: float) -> bytes:
    """All that it prints until it ends. StateError where that takes too long, or is too much."""
    if process.stdout is None:
        return b""
    descriptor, output = process.stdout.fileno(), b""
    while len(output) <= LONGEST_ANSWER_BYTES:
        remaining_s = deadline_s - time.monotonic()
        if remaining_s <= 0 or not select.select([descriptor], [], [], remaining_s)[0]:
            raise StateError("it took too long", _HINT)
        data = os.read(descriptor, LONGEST_ANSWER_BYTES)
        if not data:
            return output
        output += data
    raise StateError("its answer is too long", _HINT)
