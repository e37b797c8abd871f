"""What the digest hands down of the sessions before the earlier one: after many restarts, what was wanted at first.

The earlier session began with a digest of its own. Of that, the lines are taken over that say what the person wanted;
and what it had itself taken over, so that nothing is quoted twice over.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from memguard.handoff.about_request import ASKED_AT, CURRENT, DECISIONS, EARLIER, FIRST
from memguard.handoff.quoting import DATA_NOTE, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memguard.handoff.digest import Material

_HEADING = "From the digest that the earlier session began with"
_LINE = 500
_ITEM = "- "
# Of which section which lines, the most important first; an empty beginning means all.
_TAKEN_OVER = ((CURRENT, ASKED_AT), (_HEADING, ""), (EARLIER, FIRST), (DECISIONS, ""))


def handed_down(material: Material, budget: int) -> str:
    """Those lines, each quoted as it stood."""
    section = Section(f"{_HEADING} ({DATA_NOTE}):", budget)
    for line in dict.fromkeys(_lines(material.conversation["handed_down"])):
        section.add_text(_ITEM, line, _LINE)
    return section.text()


def _lines(digest: str) -> Iterator[str]:
    sections = [part.split("\n") for part in digest.split("\n\n")]
    for wanted, beginning in _TAKEN_OVER:
        for heading, *lines in sections:
            if heading.startswith(f"{wanted} ("):
                items = (line.removeprefix(_ITEM) for line in lines if line.startswith(_ITEM + beginning))
                yield from (_unquoted(item) if wanted == _HEADING else item for item in items)


def _unquoted(item: str) -> str:
    """A line that had been taken over before, as it first stood."""
    try:
        found = json.loads(item)
    except ValueError:
        return item
    return found if isinstance(found, str) else item
