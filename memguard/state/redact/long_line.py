"""A line that is too long to be looked at whole: a window after the other, and windows overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.state.redact.line import is_json
from memguard.state.redact.members import Members
from memguard.state.redact.placing import Line, in_raw
from memguard.state.redact.rules import all_spans
from memguard.state.redact.view import outside_escapes, view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memguard.state.redact.span import Span

# Lines up to so long are looked at whole.
WINDOW_BYTES = 1048576
# Left to the next window: more than the longest secret of the own set takes, which is a private key of 16 KiB, escaped.
_LEFT_BYTES = 65536
# Looked at once more by the next window, for the rules that want a name before a secret.
_BEFORE_BYTES = 1024


class LongLine:
    """Takes the windows of one line; what it knows of the line so far goes with it from one to the next."""

    def __init__(self) -> None:
        self.taken = 0  # bytes of the last window that need not come again
        self._before = b""
        self._is_json: bool | None = None
        self._is_inside = self._is_opaque = False

    def take(self, window: bytes, *, is_end: bool) -> tuple[bytes, int]:
        """The first part of `window` without its secrets, and how many there were; all of it at the line's end."""
        raw, begin = self._before + window, len(self._before)
        if self._is_json is None:
            self._is_json = is_json(window)
        spans = in_raw(raw, all_spans(view(raw)), is_json=self._is_json)
        end = len(raw) if is_end else _end(raw, spans, begin)
        line = Line(raw, Members(raw, self._is_opaque), is_json=self._is_json, is_inside=self._is_inside)
        redacted = line.without(spans, begin, end)
        self.taken = end - begin
        self._remember(raw, end, line)
        return redacted

    def _remember(self, raw: bytes, end: int, line: Line) -> None:
        place = outside_escapes(raw, max(0, end - _BEFORE_BYTES), 0)
        self._is_inside = line.is_inside(place)
        self._is_opaque = Members(raw, self._is_opaque).is_opaque(place)
        self._before = raw[place:end]


def _end(raw: bytes, spans: Sequence[Span], begin: int) -> int:
    """How far a window is given out: not into a secret, unless that is most of the window, nor into an escape."""
    end, least = len(raw) - _LEFT_BYTES, begin + (len(raw) - begin) // 4
    for span in spans:
        if span.start < end < span.stop and span.start > least:
            end = span.start
    return outside_escapes(raw, end, begin)
