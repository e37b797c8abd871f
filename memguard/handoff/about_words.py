"""What the digest takes over of others' words about the conversation: summaries, and the assistant's last text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memguard.handoff.quoting import DATA_NOTE, Section, quoted, units

if TYPE_CHECKING:
    from memguard.handoff.digest import Material

_WHOLE = 6000  # more than any room: a text is cut to the room that there is
_NAME = 80
_TITLE = 60
_LEAST_POINT = 160
# The client's summaries have numbered points; these say most about what is to be done next, in this order.
_POINT = re.compile(r"^\s{0,3}\d{1,2}\.\s+\**([A-Z][^:\n]{2,60}?)\**:\**\s*", re.MULTILINE)
_FIRST = ("current work", "pending", "next step", "primary request", "problem", "error")


def summarised(material: Material, budget: int) -> str:
    """What the person's own summariser made of the facts."""
    if not material.summary:
        return ""
    title = f"Written by the summariser {quoted(material.summariser, _NAME)} about the earlier session ({DATA_NOTE}):"
    section = Section(title, budget)
    section.add_text("- ", material.summary, _WHOLE)
    return section.text()


def built(material: Material, budget: int) -> str:
    """The digest that a plugin of the person's built."""
    title = f"Built by the plugin {quoted(material.builder, _NAME)} about the earlier session ({DATA_NOTE}):"
    section = Section(title, budget)
    section.add_text("- ", material.built, budget)
    return section.text()


def compaction(material: Material, budget: int) -> str:
    """What the client kept when it compacted the conversation last: the best extract of all that came before."""
    conversation = material.conversation
    if not conversation["summary"]:
        return ""
    title = f"From the client's own summary at its last compaction, number {conversation['compactions']} ({DATA_NOTE}):"
    section = Section(title, budget)
    points = _points(conversation["summary"])
    if not points:
        section.add_text("- ", conversation["summary"], _WHOLE)
    for left, (name, text) in zip(range(len(points), 0, -1), points, strict=True):
        before = f"- {quoted(name, _TITLE)}: "
        section.add_text(before, text, max(_LEAST_POINT, section.room // left - units(before) - 3))
    return section.text()


def _points(summary: str) -> list[tuple[str, str]]:
    """The summary's numbered points, the most telling first; none where it has fewer than two."""
    found = list(_POINT.finditer(summary))
    ends = [*(match.start() for match in found[1:]), len(summary)]
    texts = ((match[1], summary[match.end() : end].strip()) for match, end in zip(found, ends, strict=False))
    points = [(name, text) for name, text in texts if text]
    return sorted(points, key=lambda point: _rank(point[0])) if len(points) > 1 else []


def _rank(name: str) -> int:
    return next((rank for rank, word in enumerate(_FIRST) if word in name.lower()), len(_FIRST))


def last_text(material: Material, budget: int) -> str:
    """What the assistant said last: its beginning, and its end, where questions stand."""
    section = Section(f"The last text of the assistant before the {material.moment} ({DATA_NOTE}):", budget)
    if material.conversation["last_text"]:
        section.add_text("- ", material.conversation["last_text"], _WHOLE, with_end=True)
    return section.text()
