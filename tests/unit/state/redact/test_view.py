"""A view reads as the text does, and knows where each of its bytes came from."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.state.redact.view import outside_escapes, quick_view, raw_places, view

# What escapes are made of, so that nearly every drawn text has some that meet.
PIECES = [
    b"\\", b"\\\\", b"n", b"t", b"u", b"u0041", b"u001b", b"u001b[31m", b"\x1b[1m", b"\x1b", b"[", b"m", b'"', b"'",
    b"/",
    b"ghp_", b"\n", b"\r", b"\xc3\xbc", b"\0", b"u005c", b"u000a", b"0041", b"31",
]  # fmt: skip
RAW = st.lists(st.sampled_from(PIECES), max_size=16).map(b"".join)
ESCAPE = re.compile(
    rb"""\\+u001[bB]\[[0-9;:?]{0,40}[A-Za-z]|\x1b\[[0-9;:?]{0,40}[A-Za-z]|\\+u[0-9A-Fa-f]{4}|\\+[nrtbf]|\\+(?=["'/u])|\\+"""
)


def one_by_one(raw: bytes) -> tuple[bytes, list[int]]:
    """The view of `raw`, made a byte at a time, and where in `raw` each of its bytes begins."""
    made, place = b"", 0
    places: list[int] = []
    while place < len(raw):
        escape = ESCAPE.match(raw, place)
        here = escape[0] if escape else raw[place : place + 1]
        byte = read(here, raw[place + len(here) : place + len(here) + 1])
        made, places = made + byte, places + [place] * len(byte)
        place += len(here)
    return made, places


def read(here: bytes, following: bytes) -> bytes:
    plain = here.lstrip(b"\\")
    if plain[:1] == b"u" and plain != here:
        code = int(plain[1:5], 16) if len(plain) == 5 else 27
        if len(plain) > 5:
            return b""
        printable = 32 <= code < 127 and code != 92
        return b"\r" if code in (10, 13) else bytes([code]) if printable or code == 9 else b"\x7f"
    if plain != here:
        shields = not plain and following in (b'"', b"'", b"/", b"u")
        return b"\t" if plain == b"t" else b"" if shields else b"\r"
    return here if here in (b"\t", b"\n", b"\r") or 32 <= here[0] < 127 else b"\x7f"


@given(RAW)
def test_it_is_what_reading_byte_by_byte_gives(raw: bytes) -> None:
    assert view(raw) == one_by_one(raw)[0]


@given(RAW)
def test_each_byte_is_found_again_and_no_escape_is_cut(raw: bytes) -> None:
    made, begins = one_by_one(raw)
    places = raw_places(raw, range(len(made) + 1))
    assert places == sorted(places)
    for number, begin in enumerate(begins):
        assert places[number] <= begin
        assert number == 0 or places[number] > begins[number - 1]
    escapes = [match.span() for match in ESCAPE.finditer(raw)]
    assert not [place for place in places for start, stop in escapes if start < place < stop]


@given(st.lists(st.text(max_size=20), max_size=4), st.integers(1, 3))
def test_json_in_json_reads_as_its_text(texts: list[str], depth: int) -> None:
    plain = [text for text in texts if "\\" not in text and text.isascii() and text.isprintable()]
    value: object = plain
    for _ in range(depth):
        value = json.dumps(value)
    for text in plain:
        assert text.encode() in view(str(value).encode())


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), min_size=1, max_size=4))
def test_the_quick_view_has_the_same_lines_with_the_same_words(values: list[dict[str, str]]) -> None:
    raw = b"\n".join(json.dumps(value, ensure_ascii=False).encode() for value in values)
    quick, slow = quick_view(raw).split(b"\n"), view(raw).split(b"\n")
    words = [[re.findall(rb"[A-Za-z0-9_-]{4,}", line) for line in lines] for lines in (quick, slow)]
    assert words[0] == words[1]


@pytest.mark.parametrize(
    "torn", [b'{"a":"\\', b'{"a":"\\u00', b'{"a":"\\x', b'{"a":"\\N{', b"\\\n\\", b'{"\x1e":1}\n{}']
)
def test_what_is_torn_or_no_json_has_as_many_lines(torn: bytes) -> None:
    assert quick_view(torn).count(b"\n") == view(torn).count(b"\n") == torn.count(b"\n")


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_an_endless_run_of_backslashes_is_parted_at_an_even_number(begin: int, more: int) -> None:
    raw = b"x" * begin + b"\\" * 9000 + b'"'
    place = outside_escapes(raw, begin + 4097 + more, begin)
    assert place == begin or (place - begin) % 2 == 0


def test_a_place_within_an_escape_moves_before_it() -> None:
    raw = b'ab\\u0041cd\\"'
    assert [outside_escapes(raw, place, 0) for place in (1, 2, 3, 7, 8, 10, 11)] == [1, 2, 2, 2, 8, 10, 10]
