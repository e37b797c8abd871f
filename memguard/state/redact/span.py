"""Where a secret stands, and what kind it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

BY_NAME = "by-name"


class Span(NamedTuple):
    """From `start` to `stop`. Of several that overlap, the one of the highest `rank` gives its kind to all."""

    start: int
    stop: int
    kind: str
    rank: int = 0


def united(spans: Iterable[Span]) -> list[Span]:
    """The same places, in order and apart from each other."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start < found[-1].stop:
            last = found[-1]
            best = max(last, span, key=lambda one: one.rank)
            found[-1] = Span(last.start, max(last.stop, span.stop), best.kind, best.rank)
        else:
            found.append(span)
    return found
