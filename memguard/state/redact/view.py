r"""Text as it reads: what JSON and nested JSON have escaped is undone, so that rules made for plain files fit.

`{"out":"line\nghp_..."}` reads as a line end and a token; in the raw bytes an `n` stands right before the token, and a
rule that wants a word to begin there is blind to it. A view has bytes that every rule can be asked about (ASCII, no
NUL: a library that takes bytes for UTF-16 converts them, and its offsets fit no more), and it is known where each came
from:

    raw                                                   in the view
    \u001b[31m, a colour                                 nothing
    \u0041                                               A; DEL for what is not printable ASCII
    \n \r \b \f, a backslash before anything else         CR, which stands for "a line ends here"
    \t \" \' \/                                           the character alone
    a byte that is not ASCII, a control, a raw colour     DEL
    the end of a raw line                                 LF: it parts the lines of a transcript

Any number of backslashes in a row counts as one: JSON inside JSON inside JSON reads the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_END = b"\n"
BREAK = b"\r"
_KEPT = b"\t\n\r"
_TABLE = bytes(code if 32 <= code < 127 or code in _KEPT else 127 for code in range(256))
_PARTED = b"\x1e"  # stands for a line's end, while those within the text are undone
_QUICK_TABLE = _TABLE.replace(LINE_END, BREAK)[:30] + LINE_END + _TABLE[31:]
# No sequence of colours that programs print is longer; the bound keeps small what a block's end may cut.
_COLOUR = rb"\[[0-9;:?]{0,40}[A-Za-z]"
_RAW_COLOUR = re.compile(rb"\x1b" + _COLOUR)
# Each begins with a literal, which `re` searches for first (6 ms per MB, else 15), and looks back behind it: in a run
# of backslashes only the first one begins anything, so that a run of millions is walked once.
_FIRST = rb"\\(?<!\\\\)\\*+"
_HEX = re.compile(_FIRST + rb"u(?:001[bB]" + _COLOUR + rb"|([0-9A-Fa-f]{4}))")
_TAB = re.compile(_FIRST + rb"t")
_BREAK = re.compile(_FIRST + rb"""(?:[nrbf]|(?=[^"'/u])|\Z)""")
# What several raw bytes are one byte of the view for, or none where the group is named.
_TOKEN = re.compile(
    rb"(?P<colour>\\++u001[bB]" + _COLOUR + rb")|\x1b" + _COLOUR + rb"|\\++u[0-9A-Fa-f]{4}"
    rb"""|\\++[nrtbf]|(?P<shield>\\++(?=["'/u]))|\\++"""
)


def view(raw: bytes, table: bytes = _TABLE) -> bytes:
    """What `raw` reads as."""
    if b"\x1b" in raw:
        raw = _RAW_COLOUR.sub(b"\x7f", raw)
    if b"\\u" in raw:
        raw = _HEX.sub(_character, raw)
    if b"\\" in raw:
        raw = _BREAK.sub(BREAK, _TAB.sub(b"\t", raw))
    return raw.translate(table, b"\\")


def quick_view(raw: bytes) -> bytes:
    """The same for lines of JSON in a third of the time, to find the lines that are worth a closer look.

    It says nothing of places: what undoes the outer escapes is Python's own decoder, which knows a few more than JSON.
    """
    try:
        text = raw.replace(LINE_END, _PARTED).decode("unicode_escape").encode("latin-1", "replace")
    except (ValueError, Warning):  # torn in an escape, or no JSON
        return view(raw)
    quick = view(_RAW_COLOUR.sub(b"", text) if b"\x1b" in text else text, _QUICK_TABLE)
    return quick if quick.count(LINE_END) == raw.count(LINE_END) else view(raw)


def _character(match: re.Match[bytes]) -> bytes:
    """One that can't begin an escape itself; nothing for a colour."""
    if match[1] is None:
        return b""
    code = int(match[1], 16)
    if code in (10, 13):
        return BREAK
    is_kept = code == 9 or (32 <= code < 127 and code != 0x5C)
    return bytes((code,)) if is_kept else b"\x7f"


def raw_places(raw: bytes, places: Iterable[int]) -> list[int]:
    """Where in `raw` the `places` of its view are, which must be in order. None lies within an escape.

    Between two bytes of the view it is the first place that can be meant. So what stands from one place to the next has
    the backslash of its own first byte, and not the one of the byte that follows.
    """
    found: list[int] = []
    tokens = _TOKEN.finditer(raw)
    token, more = next(tokens, None), 0  # how much further in `raw` than in the view
    for place in places:
        while token and token.start() - more < place:
            more += token.end() - token.start() - (token.lastgroup is None)
            token = next(tokens, None)
        found.append(place + more)
    return found


def outside_escapes(raw: bytes, place: int, begin: int) -> int:
    """`place`, or where the escape begins that it lies within; `begin` lies within none.

    An endless run of backslashes is parted at an even number of them.
    """
    near = max(begin, place - 4096)
    start = begin + len(raw[begin:near].rstrip(b"\\"))
    for token in _TOKEN.finditer(raw, start, place + 64):
        if token.start() >= place:
            break
        if place < token.end() or (place == token.end() and token["shield"]):
            return token.start() if token.start() > begin else place - (place - begin) % 2
    return place
