"""One line of JSON, however long, at a bounded cost: of a line over 1 MiB, the beginning is read and mended."""

from __future__ import annotations

import json
import os
import re
from typing import Any

# Up to here a line is parsed whole: at worst (nothing but empty lists) in 30 ms, and 25 MB of memory.
WHOLE_BYTES = 1048576
_BEGINNING_BYTES = 262144
_END_BYTES = 4096
# Whole characters and whole escapes: it stops before a quote, and before an escape that was cut.
_TEXT = re.compile(rb'(?:[^"\\]++|\\u[0-9A-Fa-f]{4}|\\[^u])*+', re.DOTALL)
_STRING = re.compile(rb'"' + _TEXT.pattern + rb'"', re.DOTALL)
# Up to the quote of a string that doesn't end. Anchored: looked for anywhere, each escaped quote would be tried.
_WHOLE_STRINGS = re.compile(rb'(?:[^"]++|' + _STRING.pattern + rb")*+", re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_CLOSING = {b"{": b"}", b"[": b"]"}
# What the client writes behind the message. No part of a text can look like it: quotes in texts are escaped.
_FIELD = re.compile(
    rb'"(type|timestamp|version|gitBranch|toolDenialKind|isMeta|isCompactSummary|isSidechain)":("[^"\\]{0,200}"|true|false)'
)


def parse_line(descriptor: int, offset: int, length: int) -> dict[str, Any]:
    """The object in `length` bytes at `offset` of a file; of more than 1 MiB, its beginning and what stands at its end.

    Empty for anything that is not a JSON object: torn, not UTF-8 where it matters, too deep.
    """
    if length <= WHOLE_BYTES:
        return _parsed(os.pread(descriptor, length, offset))
    found = _parsed(mended(os.pread(descriptor, _BEGINNING_BYTES, offset)))
    end = os.pread(descriptor, _END_BYTES, offset + length - _END_BYTES)
    # The last one of a name is the line's own: those of what is nested in it come before.
    return {**{name.decode(): json.loads(value) for name, value in _FIELD.findall(end)}, **found} if found else {}


def cost_bytes(length: int) -> int:
    """How much of a line of `length` bytes is read."""
    return length if length <= WHOLE_BYTES else _BEGINNING_BYTES + _END_BYTES


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def mended(beginning: bytes) -> bytes:
    """JSON that was cut off within a string's text, with the string and all that was open closed; else empty."""
    whole = _WHOLE_STRINGS.match(beginning)
    start = whole.end() if whole else 0
    structure = _STRING.sub(b"", beginning[:start])
    closing = _closing(structure)
    is_value = structure.rstrip()[-1:] == b":" or closing.startswith(b"]")
    if start == len(beginning) or not is_value:
        return b""  # cut off elsewhere, or in a name
    text = _TEXT.match(beginning, start + 1)
    return beginning[: text.end() if text else start + 1] + b'"' + closing


def _closing(structure: bytes) -> bytes:
    """The brackets that close what is open in `structure`, which holds no strings."""
    closing: list[bytes] = []
    for bracket in _BRACKET.findall(structure):
        if bracket in _CLOSING:
            closing.append(_CLOSING[bracket])
        elif closing:
            closing.pop()
    return b"".join(reversed(closing))
