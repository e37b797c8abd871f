"""What is redacted at once."""

from __future__ import annotations

from memguard.state.redact.line import redact_plain
from memguard.state.redact.stream import Redactor


def redact_bytes(data: bytes) -> bytes:
    """Lines of JSON, or a piece of one, without what looks like a secret."""
    redactor = Redactor()
    return redactor.feed(data) + redactor.finish()


def redact_text(text: str) -> str:
    """A text of any form without what looks like a secret."""
    return redact_plain(text.encode("utf-8", "replace")).decode("utf-8", "replace") if text else text
