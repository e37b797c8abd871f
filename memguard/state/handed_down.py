"""The digest that a session itself began with: what it knows of the sessions before it, for the one that follows it.

The client keeps what a hook says to the model as a line of the transcript (`attachment.type` hook_additional_context).
"""

from __future__ import annotations

from typing import Any

from memguard.state.message import text_of

LONGEST = 10000
# How a digest begins. The handoff says it; whoever reads a transcript finds a digest by it.
RESTARTED = "memguard, which guards this session's memory, restarted it. The facts:"
RESTORED = "This session goes on from a snapshot that memguard took of an earlier one. The facts:"
# The same within a line of JSON: what the index looks for.
MARKS = tuple(f'"content":["{beginning}'.encode() for beginning in (RESTARTED, RESTORED))


class HandedDown:
    """Takes attachments in order; the first digest counts, since those after a resume say less."""

    def __init__(self) -> None:
        self._text = ""

    def take(self, attachment: dict[str, Any]) -> None:
        """One attachment; anything but a digest is nothing to it."""
        content = attachment.get("content")
        if self._text or attachment.get("type") != "hook_additional_context" or not isinstance(content, list):
            return
        texts = (text for text in content if isinstance(text, str) and text.startswith((RESTARTED, RESTORED)))
        self._text = next(texts, "")

    @property
    def text(self) -> str:
        """The digest; empty for a session that began without one."""
        return text_of(self._text, LONGEST)
