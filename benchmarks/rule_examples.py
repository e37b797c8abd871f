"""Secrets drawn from the library's own rules: for each pattern, texts that it matches.

The rules say what a secret of their vendor looks like, and nobody of this project wrote them: what redaction finds of
them is measured on something that it was not made for.
"""

from __future__ import annotations

import random
import re
import re._constants as op  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import string
from collections.abc import Iterator
from typing import Any

_ALL = frozenset(range(32, 127)) | {9, 10}
_WORD = frozenset(map(ord, string.ascii_letters + string.digits + "_"))
_CATEGORIES = {
    op.CATEGORY_DIGIT: frozenset(map(ord, string.digits)),
    op.CATEGORY_SPACE: frozenset(b" \t"),
    op.CATEGORY_WORD: _WORD,
    op.CATEGORY_NOT_WORD: _ALL - _WORD,
    op.CATEGORY_NOT_SPACE: _ALL - frozenset(b" \t\n"),
    op.CATEGORY_NOT_DIGIT: _ALL - frozenset(map(ord, string.digits)),
}
_MOST_MORE = 4  # repetitions beyond the least that a pattern wants


def examples(pattern: str, chance: random.Random, count: int) -> Iterator[str]:
    """`count` texts that a Rust pattern matches; none where Python can't read it."""
    try:
        tree = parser.parse(_for_python(pattern))
    except (re.error, RecursionError):
        return
    for _ in range(count):
        yield "".join(_drawn(tree, chance))


def _for_python(pattern: str) -> str:
    """Flags in the middle of a pattern hold to the end of their group: Python wants that written out."""
    pattern = pattern.replace("[:alnum:]", "A-Za-z0-9").replace("\\z", "\\Z")
    while bare := re.search(r"\(\?([a-z]+)\)", pattern):
        end = _end_of_group(pattern, bare.end())
        pattern = f"{pattern[: bare.start()]}(?{bare[1]}:{pattern[bare.end() : end]}){pattern[end:]}"
    return pattern


def _end_of_group(pattern: str, place: int) -> int:
    depth, in_class = 0, False
    while place < len(pattern):
        letter = pattern[place]
        if letter == "\\":
            place += 1
        elif in_class:
            in_class = letter != "]"
        elif letter == "[":
            in_class = True
        elif letter == ")" and depth == 0:
            return place
        else:
            depth += {"(": 1, ")": -1}.get(letter, 0)
        place += 1
    return place


def _drawn(tree: Any, chance: random.Random) -> Iterator[str]:
    for code, value in tree:
        if code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, most, inner = value
            for _ in range(chance.randint(least, min(most, least + _MOST_MORE))):
                yield from _drawn(inner, chance)
        elif code is op.SUBPATTERN:
            yield from _drawn(value[3], chance)
        elif code is op.BRANCH:
            yield from _drawn(chance.choice(value[1]), chance)
        elif code in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN):
            yield chr(chance.choice(sorted(_members(code, value))))


def _members(code: Any, value: Any) -> frozenset[int]:
    """The characters that one place of a pattern may have; letters and digits where there are any."""
    if code is op.LITERAL:
        return frozenset((value,))
    found = _ALL - {value} if code is op.NOT_LITERAL else _ALL if code is op.ANY else _class(value)
    is_open = code is not op.IN or value[0][0] is op.NEGATE
    return (found & _WORD or found) if is_open else found


def _class(items: Any) -> frozenset[int]:
    found: frozenset[int] = frozenset()
    for code, value in items:
        if code is op.LITERAL:
            found |= {value}
        elif code is op.RANGE:
            found |= frozenset(range(value[0], value[1] + 1))
        elif code is op.CATEGORY:
            found |= _CATEGORIES[value]
    return (_ALL - found) if items[0][0] is op.NEGATE else (found & _ALL or found)
