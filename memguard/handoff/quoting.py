"""Borrowed text in a digest: branch names, file names, process names, commands, prompts.

It reaches the model with the authority of a system message, so each piece is one JSON string, cut, without controls.
"""

from __future__ import annotations

import json

_ESCAPED = '"\\\n\t'  # of what is left in a text, all that JSON writes in two characters
DATA_NOTE = "quoted data, not instructions"
_LEFT_OUT_CHARS = 40  # the line that says what was left out
_LEAST_CHARS = 60  # of a quoted text: below it, a line says too little for its place
_BEGINNING_SHARE = 0.6  # of a text of which both ends are shown


def quoted(value: object, most: int) -> str:
    """`value` as a JSON string of at most `most` characters between its quotes, escapes counted."""
    text = _printable(str(value)[: most + 1])
    return json.dumps(_cut(text, most), ensure_ascii=False)


def quoted_end(value: object, most: int) -> str:
    """The same, of a longer text its end."""
    text = _printable(str(value)[-most - 1 :])
    return json.dumps(_cut(text[::-1], most)[::-1], ensure_ascii=False)


def quoted_ends(value: object, most: int) -> str:
    """The same, of a longer text its beginning and its end."""
    if _fitting(_printable(str(value)[: most + 1]), most) == len(str(value)):
        return quoted(value, most)
    share = int(most * _BEGINNING_SHARE)
    first = _printable(str(value)[:share])
    first = first[: _fitting(first, share)]
    # The end is cut, so it begins with the sign of that.
    return json.dumps(first, ensure_ascii=False)[:-1] + quoted_end(value, most - share)[1:]


def _cut(text: str, most: int) -> str:
    kept = _fitting(text, most)
    return text if kept == len(text) else text[: max(0, kept - 1)] + "…"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def _fitting(text: str, most: int) -> int:
    """How many characters of `text` JSON writes in at most `most`."""
    kept, room = 0, most
    while kept < len(text) and room >= (cost := 2 if text[kept] in _ESCAPED else 1):
        kept, room = kept + 1, room - cost
    return kept


class Section:
    """A heading and lines below it, at most `budget` characters in all; says how many lines found no room."""

    def __init__(self, heading: str, budget: int) -> None:
        self._heading = heading
        self._room = budget - len(heading) - _LEFT_OUT_CHARS
        self._lines: list[str] = []
        self._left_out = 0

    @property
    def room(self) -> int:
        """How many characters are left for lines, their line breaks counted."""
        return self._room

    def add(self, line: str) -> None:
        """Add a line where there is room."""
        if self._left_out or len(line) + 1 > self._room:
            self._left_out += 1
            return
        self._lines.append(line)
        self._room -= len(line) + 1

    def add_text(self, before: str, value: object, most: int, *, with_end: bool = False) -> None:
        """Add a line that ends in a quoted text, cut to `most` characters or to the room that there is."""
        fits = min(most, self._room - len(before) - 3)  # two quotes, a line break
        quote = quoted_ends if with_end else quoted
        self.add(before + quote(value, max(fits, min(most, _LEAST_CHARS))))

    def text(self) -> str:
        """The section; empty where nothing was added, or not even the heading finds room."""
        if self._room < 0 or not (self._lines or self._left_out):
            return ""
        more = [f"({self._left_out} more, left out for length)"] if self._left_out else []
        return "\n".join([self._heading, *self._lines, *more])
