"""The pieces of one message, taken out of a parsed line without trusting any of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from memguard.state.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable

TEXT_CHARS = 2000
NAME_CHARS = 400
_WORD_CHARS = 100
# How much more is kept until it has been redacted: half a secret may not look like one.
_SLACK = 4
# What the client itself puts into a message of role user.
NOT_TYPED = (
    "<local-command-", "<task-notification", "<system-reminder", "<bash-stdout", "<bash-stderr", "Caveat: ",
    "[Request interrupted",
)  # fmt: skip
_TIME = re.compile(r"[0-9T:.Z+-]{1,40}")


def text_of(value: object, most: int = TEXT_CHARS) -> str:
    """A bounded text without secrets; empty for anything that isn't text."""
    return redact_text(raw(value, most))[:most]


def raw(value: object, most: int = TEXT_CHARS) -> str:
    """As much of a text as `text_of` needs later: what is left out in the end is never redacted."""
    return value[: most * _SLACK] if isinstance(value, str) else ""


def word(value: object) -> str:
    """An id or the name of a tool."""
    return value[:_WORD_CHARS] if isinstance(value, str) else ""


def time_of(line: dict[str, Any]) -> str:
    """When the client wrote the line (ISO 8601, UTC); empty where it says nothing of the kind."""
    found = line.get("timestamp")
    return found if isinstance(found, str) and _TIME.fullmatch(found) else ""


def blocks(content: object) -> list[dict[str, Any]]:
    """The objects of a list; none of anything else."""
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def joined(content: object) -> str:
    """The text of a message or a result, which is one or a list of blocks."""
    if isinstance(content, str):
        return content
    texts: Iterable[object] = (block.get("text") for block in blocks(content) if block.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str))


def is_meta(line: dict[str, Any]) -> bool:
    """Whether the client wrote it: origins other than the person, summaries, caveats."""
    origin = line.get("origin")
    is_other = isinstance(origin, dict) and origin.get("kind", "human") != "human"
    return is_other or any(line.get(name) is True for name in ("isMeta", "isCompactSummary", "isSidechain"))


def as_typed(text: str) -> str:
    """A slash command, or a command after `!`, as the person typed it, from the tags that the client keeps it in."""
    if text.startswith("<bash-input>"):
        return f"! {between(text, 'bash-input')}"
    if not text.startswith(("<command-name>", "<command-message>")):
        return text
    return f"{between(text, 'command-name')} {between(text, 'command-args')}".strip()


def between(text: str, tag: str) -> str:
    """What stands between `<tag>` and `</tag>`; empty where there is no such tag."""
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].strip()


def what_of(given: dict[str, Any]) -> str:
    """Of what a tool is given, what tells one call from another: command, path, question or description."""
    asked = blocks(given.get("questions"))
    question = asked[0].get("question") if asked else None
    path = given.get("file_path") or given.get("notebook_path")
    return raw(given.get("command") or path or question or given.get("description") or given.get("plan"), NAME_CHARS)
