"""Lines that are looked at whole."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from memguard.state.redact.members import Members
from memguard.state.redact.placing import Line, in_raw
from memguard.state.redact.repeats import without_repeats
from memguard.state.redact.rules import all_spans, library_spans, own_rules_spans, suspects
from memguard.state.redact.view import BREAK, LINE_END, quick_view, view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from memguard.state.redact.span import Span

_JSON_BEGINS = (b"{", b"[")


def is_json(line: bytes) -> bool:
    """Whether a raw line is to be taken for JSON, by its first byte: it may be torn."""
    return line[:64].lstrip().startswith(_JSON_BEGINS)


def redact_lines(raw: bytes) -> tuple[bytes, int]:
    """Whole raw lines without their secrets, and how many there were.

    All are asked about at once, since a question to the library takes 60 us, however short. Lines that something was
    found in are looked at again, and the library is asked about each alone, so that its neighbours have no say.
    """
    text = quick_view(without_repeats(raw))
    own, theirs = suspects(text)
    if not own and not theirs:
        return raw, 0
    ends = _line_ends(text)
    asked = _line_numbers(ends, theirs)
    lines = raw.split(LINE_END)
    return _redact_some(lines, sorted(asked | _line_numbers(ends, own)), asked)


def _line_ends(text: bytes) -> list[int]:
    return list(accumulate((len(line) + 1 for line in text.split(LINE_END)), initial=-1))[1:]


def _line_numbers(ends: Sequence[int], spans: Iterable[Span]) -> set[int]:
    return {
        number
        for span in spans
        for number in range(bisect_left(ends, span.start), bisect_left(ends, span.stop - 1) + 1)
    }


def _redact_some(lines: list[bytes], numbers: Sequence[int], asked: set[int]) -> tuple[bytes, int]:
    """The `lines` of these numbers redacted; the library is asked about those of `asked`."""
    views = [view(lines[number]) for number in numbers]
    spans = _by_line(views, own_rules_spans(LINE_END.join(views)))
    found = 0
    for place, number in enumerate(numbers):
        if number in asked:
            spans[place] += library_spans(views[place])
        lines[number], count = _redact_line(lines[number], spans[place])
        found += count
    return LINE_END.join(lines), found


def _by_line(views: Sequence[bytes], own: Iterable[Span]) -> list[list[Span]]:
    """The own set's spans, none of which goes beyond its line, in bytes of its line's view."""
    starts = list(accumulate((len(one) + 1 for one in views), initial=0))
    by_line: list[list[Span]] = [[] for _ in views]
    for span in own:
        number = bisect_right(starts, span.start) - 1
        here = span._replace(start=span.start - starts[number], stop=span.stop - starts[number])
        by_line[number].append(here)
    return by_line


def _redact_line(raw: bytes, spans: Iterable[Span]) -> tuple[bytes, int]:
    line = Line(raw, Members(raw), is_json=is_json(raw))
    return line.without(in_raw(raw, spans, is_json=is_json(raw)), 0, len(raw))


def redact_plain(raw: bytes) -> bytes:
    """A text that is no transcript, of any number of lines, without its secrets."""
    spans = all_spans(view(raw.replace(LINE_END, BREAK)))
    if not spans:
        return raw
    return Line(raw, Members(raw), is_json=False).without(in_raw(raw, spans, is_json=False), 0, len(raw))[0]
