"""The cursor as a file: what was written comes back, anything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memguard.state.cursor import Cursor, Seen, Terms, cursor_from_bytes, cursor_to_bytes, load_cursor, save_cursor
from memguard.state.segment import Segment
from memguard.state.segment_list import checksum

DIGEST = "ab" * 32


def segment(name: int, start: int, end: int) -> Segment:
    return Segment(f"{name:016x}", start, end, end - start, 300, 2, "cd" * 32, DIGEST, DIGEST)


def cursor(*segments: Segment) -> Cursor:
    seen, terms = Seen(1, 2**63, 900, 1795397716_000000001), Terms("redacted", "rules-1.2+3", "00" * 8)
    return Cursor(seen, terms, bytes(range(32)), DIGEST, 1, 0, "1 2 900 0+3p", segments)


WHOLE = cursor(segment(1, 0, 400), segment(2, 400, 900))


def signed(lines: list[str]) -> bytes:
    """A file whose checksum is right, whatever it says."""
    body = ("\n".join(lines) + "\n").encode()
    return body + f"checksum {checksum(body)}\n".encode()


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    assert load_cursor(str(tmp_path)) is None
    save_cursor(str(tmp_path), WHOLE)
    assert load_cursor(str(tmp_path)) == WHOLE
    assert (tmp_path / "cursor").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["cursor"]


def test_every_flipped_bit_and_every_cut_is_refused() -> None:
    data = cursor_to_bytes(WHOLE)
    for position in range(len(data)):
        for bit in range(8):
            spoilt = data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]
            with pytest.raises(ValueError, match=r"."):
                cursor_from_bytes(spoilt)
        with pytest.raises(ValueError, match=r"."):
            cursor_from_bytes(data[:position])
    with pytest.raises(ValueError, match=r"."):
        cursor_from_bytes(data + b"\n")


LINES = cursor_to_bytes(WHOLE).decode().splitlines()[:-1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("memguard-cursor 1", "memguard-cursor 2"),
        ("device=1", "device=-1"),
        ("device=1", "device=1_0"),
        ("device=1", "device=01"),
        ("device=1", "device=\u0661"),
        ("size=900", "size=" + "9" * 5000),
        ("turn=1", "turn="),
        ("turn=1", "turn=1\nturn=2"),
        ("turn=1", "turn=1\nother=2"),
        ("privacy=redacted", "privacy="),
        ("key=00", "key=0"),
        (f"head={DIGEST}", "head=/etc/passwd"),
        ("segment 0000000000000001 0 400", "segment ../../../../etc/x 0 400"),
        ("segment 0000000000000001 0 400", "segment 0000000000000002 0 400"),
        ("segment 0000000000000001 0 400", "segment 0000000000000001 1 400"),
        ("segment 0000000000000001 0 400", "segment 0000000000000001 0 401"),
        ("segment 0000000000000002 400 900", "segment 0000000000000002 400 400"),
        ("segment 0000000000000002 400 900", "segment 0000000000000002 400 300"),
        ("segment 0000000000000002 400", "segment 0000000000000002 400 400"),
    ],
)
def test_what_contradicts_itself_is_refused_though_its_checksum_is_right(old: str, new: str) -> None:
    text = "\n".join(LINES)
    assert old in text
    with pytest.raises(ValueError, match=r"."):
        cursor_from_bytes(signed(text.replace(old, new, 1).split("\n")))


@pytest.mark.parametrize("number", range(1, len(LINES)))
def test_a_line_left_out_is_refused(number: int) -> None:
    if LINES[number].startswith("segment 0000000000000002"):
        assert cursor_from_bytes(signed(LINES[:number])).segments == WHOLE.segments[:1]
        return
    with pytest.raises(ValueError, match=r"."):
        cursor_from_bytes(signed(LINES[:number] + LINES[number + 1 :]))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from([*LINES, "", "=", "segment "])).map(signed)))
def test_anything_else_is_refused_or_comes_back_as_it_is(data: bytes) -> None:
    try:
        found = cursor_from_bytes(data)
    except ValueError:
        return
    assert cursor_to_bytes(found) == data


def test_a_link_a_folder_and_a_giant_are_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(cursor_to_bytes(WHOLE))
    (tmp_path / "cursor").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"."):
        load_cursor(str(tmp_path))
    (tmp_path / "cursor").unlink()
    (tmp_path / "cursor").mkdir()
    with pytest.raises(OSError, match=r"."):
        load_cursor(str(tmp_path))
    (tmp_path / "cursor").rmdir()
    with (tmp_path / "cursor").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="longer"):
        load_cursor(str(tmp_path))
