"""Placeholders in the place of secrets, so that what was JSON still is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memguard.state.redact.span import united
from memguard.state.redact.view import raw_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from memguard.state.redact.members import Members
    from memguard.state.redact.span import Span

# Quotes at any depth of nesting stay where they are, with what escapes them.
_QUOTE = re.compile(rb'(\\*+")')
_BETWEEN = re.compile(rb"(?:[\s,:{}\[\]]|\\+[nrt])*+")
_NAME_BEHIND = re.compile(rb'\\*+"\s?:')
_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_PLAIN_NAME = re.compile(rb"[A-Za-z_$][\w-]{0,63}")
# Whole or cut: numbers, `true`, `false`, `null`, and the `NaN` and `Infinity` of those who are lax.
_BARE = re.compile(rb"[\s,:{}\[\]0-9.+\-eEtruefalsnNIity]*+")
# Up to the quote that ends a string of the line itself.
_TO_QUOTE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+(?=")', re.DOTALL)
_TO_VALUE = re.compile(rb'"\s{0,64}:\s{0,64}(?P<opens>")?')
# The next string of a list, where it is a line of a key, as the own rule for keys has it.
_KEY_STRING = re.compile(rb'"\s{0,64},\s{0,64}"(?=[A-Za-z0-9+/=]{32}[^"]{0,4096}"\s{0,64}[^\s:])')


class Line:
    """One raw line, or a window of a longer one, whose first byte stands in a string where `is_inside`.

    `is_json` says that it is a line of JSON: numbers and words outside strings stay then.
    """

    def __init__(self, raw: bytes, members: Members, *, is_json: bool = True, is_inside: bool = False) -> None:
        self.raw = raw
        self._members = members
        self._is_json = is_json
        self._is_inside = self._is_counted_inside = is_inside
        self._counted = 0

    def without(self, spans: Sequence[Span], begin: int, end: int) -> tuple[bytes, int]:
        """The bytes from `begin` to `end` without `spans` (in bytes of `raw`, in order, apart), and how many went."""
        parts: list[bytes] = []
        last, found = begin, 0
        for span in spans:
            start, stop = max(span.start, begin), min(span.stop, end)
            if start < stop:
                piece = self._piece(start, stop, f"[redacted:{span.kind}]".encode())
                found += piece != self.raw[start:stop]
                parts += (self.raw[last:start], piece)
                last = stop
        return b"".join([*parts, self.raw[last:end]]), found

    def is_inside(self, place: int) -> bool:
        """Whether `place` stands in a string: quotes that nothing escapes are counted.

        Only from the place that was asked about last, as a line may hold as many secrets as words.
        """
        if place < self._counted:
            self._counted, self._is_counted_inside = 0, self._is_inside
        between = self.raw[self._counted : place]
        if (len(between) - len(between.rstrip(b"\\"))) % 2:
            between = between[:-1]  # it escapes what comes next
        quotes = between.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')
        self._counted += len(between)
        self._is_counted_inside = (quotes % 2 == 1) != self._is_counted_inside
        return self._is_counted_inside

    def _piece(self, start: int, stop: int, placeholder: bytes) -> bytes:
        """A secret goes string by string, also of JSON in a string: what parts them stays."""
        done: list[bytes] = []
        for number, part in enumerate(_QUOTE.split(self.raw[start:stop])):
            stays = number % 2 == 1 or self._stays(part, start, is_whole=number > 0)
            done.append(part if stays else placeholder)
            start += len(part)
        return b"".join(done)

    def _stays(self, part: bytes, start: int, *, is_whole: bool) -> bool:
        stop = start + len(part)
        if _BETWEEN.fullmatch(part) or (self._is_json and self._members.must_stay(start, stop)):
            return True
        if is_whole and _PLAIN_NAME.fullmatch(part) and _NAME_BEHIND.match(self.raw, stop):
            return True  # the name of a member, which a rule has run over
        return self._is_json and bool(_BARE.fullmatch(part)) and not self.is_inside(start)


def in_raw(raw: bytes, spans: Iterable[Span], *, is_json: bool = True) -> list[Span]:
    """Spans of the view of `raw` as spans of `raw` that cut no character in two; in order and apart.

    In a line of JSON none goes on behind the string that it begins in.
    """
    spans = list(spans)
    places = sorted({place for span in spans for place in (span.start, span.stop)})
    found = dict(zip(places, raw_places(raw, places), strict=True))
    here = [span._replace(start=_begin(raw, found[span.start]), stop=_end(raw, found[span.stop])) for span in spans]
    return united(piece for span in here for piece in _in_strings(raw, span)) if is_json else united(here)


def _in_strings(raw: bytes, span: Span) -> Iterator[Span]:
    """What of a span may go: of the string that it begins in, of the value, where that is a name, and of more of a key.

    A rule for keys runs from where one begins to where any ends, and what lies between may be the rest of a message.
    """
    if raw.find(b'"', span.start, span.stop) < 0:
        yield span
        return
    start, stop = span.start, span.stop
    quote = _TO_QUOTE.match(raw, start, stop)
    if quote and (value := _TO_VALUE.match(raw, quote.end())) and value.end() < stop:
        if not value["opens"]:
            return
        start = value.end()
    while (quote := _TO_QUOTE.match(raw, start, stop)) and quote.end() < stop:
        yield span._replace(start=start, stop=quote.end())
        following = _KEY_STRING.match(raw, quote.end())
        if not following or following.end() >= stop:
            return
        start = following.end()
    yield span._replace(start=start)


def _begin(raw: bytes, place: int) -> int:
    """Where the character begins that `place` is within: of UTF-8, or of two escapes."""
    while place > 0 and _is_continued(raw, place):
        place -= 1
    return place - 6 if place >= 6 and _PAIR.match(raw, place - 6) else place


def _end(raw: bytes, place: int) -> int:
    """Where the character ends that `place` is within."""
    while _is_continued(raw, place):
        place += 1
    return place + 6 if place >= 6 and _PAIR.match(raw, place - 6) else place


def _is_continued(raw: bytes, place: int) -> bool:
    return raw[place : place + 1] >= b"\x80" and raw[place] < 0xC0
