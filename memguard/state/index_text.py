"""The state of a line index as text: numbers only, for whoever goes on where it stopped.

    2 LINES OFFSET COMPACTIONS CALLS QUEUED  prompts:OFFSET+LENGTH,...  ...  failures:COMMAND+...  open:ID+...

It lies on the disk between two captures, so it is read as if anybody had written it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.state.places import MOST_FAILURES, MOST_OPEN_CALLS, TOOLS, Failure, Place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memguard.state.line_index import LineIndex

# All that an index can hold, at the offsets of a file of 100 GB, is 25,000 characters.
LONGEST = 32768
_VERSION = "2"
_NUMBERS = 5
_MOST = 2**53  # of any number: larger than a file, exact in every language
_CHECKSUMS = 2**32


def to_text(index: LineIndex) -> str:
    """What `fill` reads."""
    numbers = (index.lines, index.offset, index.compactions, index.calls, index.queued)
    words = [_VERSION, *map(str, numbers)]
    words += [f"{name}:{_joined(places)}" for name, places in index.kept.items()]
    failed = ((command, *found.call, *found.result, found.times) for command, found in index.failures.items())
    opened = (
        (number, *place, TOOLS.index(tool), command) for number, (place, tool, command) in index.open_calls.items()
    )
    return " ".join([*words, f"failures:{_joined(failed)}", f"open:{_joined(opened)}"])


def fill(index: LineIndex, text: str) -> LineIndex:
    """`index`, which is empty, as it was when `text` was made of it. ValueError for anything else."""
    if len(text) > LONGEST:
        raise ValueError("the state of an index is too long")
    version, *words = text.split(" ")
    numbers, rest = (
        [int(word) for word in words[:_NUMBERS]],
        dict(word.split(":", 1) for word in words[_NUMBERS:] if ":" in word),
    )
    if version != _VERSION or len(numbers) != _NUMBERS or any(not 0 <= number < _MOST for number in numbers):
        raise ValueError("not the state of an index")
    index.lines, index.offset, index.compactions, index.calls, index.queued = numbers
    for name, places in index.kept.items():
        places.extend(_place(index, *found) for found in _tuples(rest.get(name, ""), 2))
    _fill_calls(index, rest)
    if index.lines > index.offset or to_text(index) != text:
        raise ValueError("the state of an index contradicts itself")
    return index


def _fill_calls(index: LineIndex, rest: dict[str, str]) -> None:
    for command, *found, times in _tuples(rest.get("failures", ""), 6):
        index.failures[_within(command, _CHECKSUMS)] = Failure(
            _place(index, *found[:2]), _place(index, *found[2:]), _within(times, _MOST)
        )
    for number, offset, length, tool, command in _tuples(rest.get("open", ""), 5):
        place, name = _place(index, offset, length), TOOLS[_within(tool, len(TOOLS))]
        index.open_calls[_within(number, _CHECKSUMS)] = (place, name, _within(command, _CHECKSUMS))
    if len(index.failures) > MOST_FAILURES or len(index.open_calls) > MOST_OPEN_CALLS:
        raise ValueError("the state of an index holds too much")


def _joined(rows: Iterable[tuple[int, ...]]) -> str:
    return ",".join("+".join(map(str, row)) for row in rows)


def _tuples(text: str, width: int) -> Iterable[tuple[int, ...]]:
    for word in text.split(",") if text else ():
        row = tuple(int(number) for number in word.split("+"))
        if len(row) != width:
            raise ValueError("not a row of an index")
        yield row


def _place(index: LineIndex, offset: int, length: int) -> Place:
    if offset < 0 or length < 1 or offset + length >= index.offset:
        raise ValueError("a place outside of what was indexed")
    return offset, length


def _within(number: int, end: int) -> int:
    if not 0 <= number < end:
        raise ValueError("a number that no index has")
    return number
