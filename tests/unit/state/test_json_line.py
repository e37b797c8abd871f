"""A line of any length is read at a bounded cost, and what is no line of JSON is nothing."""

from __future__ import annotations

import json
import os
import random
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from memguard.state.json_line import WHOLE_BYTES, cost_bytes, mended, parse_line

ALPHABET = 'ab"\\\n€\U0001f600\x01[]{},:'


def parsed(path: Path, line: bytes) -> dict[str, Any]:
    path.write_bytes(b"before\n" + line + b"\nafter")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return parse_line(descriptor, 7, len(line))
    finally:
        os.close(descriptor)


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def test_what_is_cut_off_in_a_text_is_mended_and_keeps_what_came_before() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance, mends = random.Random(seed), 0
    for _ in range(3000):
        texts = ["".join(chance.choices(ALPHABET, k=chance.choice([0, 3, 60]))) for _ in range(4)]
        value = {"a": [{"t": texts[0]}, texts[1]], "b": {"c": texts[2], "n": [1, [], {}]}, "z": texts[3]}
        line = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode()
        cut = chance.randrange(len(line))
        if found := mended(line[:cut]):
            mends += 1
            # A character that was cut in half comes back as a sign of that.
            read = json.loads(found.decode("utf-8", "replace"))
            assert begins(read, value), (line, cut)
    assert mends > 1000


def begins(read: Any, value: Any) -> bool:
    """Whether `read` is `value` up to some place: whole before it, its text cut there."""
    if isinstance(read, str):
        return isinstance(value, str) and value.startswith(read.removesuffix("\ufffd").removesuffix("\ud83d"))
    if isinstance(read, list):
        return len(read) <= len(value) and all(map(begins, read, value))
    if isinstance(read, dict):
        return all(begins(read[name], value[name]) for name in read)
    return bool(read == value)


def test_of_a_long_line_the_beginning_and_the_fields_at_its_end_are_read(tmp_path: Path) -> None:
    text = 'a line\n"quoted"\n' * 3_000_000
    line = compact({
        "parentUuid": None,
        "message": {"role": "assistant", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"},
        "type": "assistant", "timestamp": "2026-11-23T02:08:19.267Z", "isMeta": True, "version": "2.1.330",
    })  # fmt: skip
    tracemalloc.start()
    begun_s = time.process_time()
    found = parsed(tmp_path / "line", line)
    seconds = time.process_time() - begun_s
    tracemalloc.stop()
    assert text.startswith(found["message"]["content"][0]["text"])
    assert len(found["message"]["content"][0]["text"]) > 100000
    assert (found["type"], found["timestamp"], found["isMeta"]) == ("assistant", "2026-11-23T02:08:19.267Z", True)
    assert seconds < 2
    assert cost_bytes(len(line)) < 300000


def test_a_line_just_short_enough_is_read_whole(tmp_path: Path) -> None:
    line = compact({"text": "x" * (WHOLE_BYTES - 20), "last": 1})
    assert len(line) <= WHOLE_BYTES
    assert parsed(tmp_path / "line", line)["last"] == 1


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b'{"a": "b', b"[1]", b"nonsense", b'"x"', b"[" * 100000, b'{"a":' * 20000, b"\0" * 100,
        b'{"a":' + b"1," * 600000, b'{"a":{' + b'"b":1,' * 300000, b"[" * 2_000_000, b'{"' + b"x" * 2_000_000,
    ],
)  # fmt: skip
def test_what_is_no_object_is_empty(tmp_path: Path, line: bytes) -> None:
    assert parsed(tmp_path / "line", line) == {}


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":["' + b'\\"' * 700000, b'{"a":["' + b"\\" * 1400001, b'{"a":[' + b'"x",' * 400000,
        b'{"a":' + b"[" * 1100000 + b'"a', b'{"a":["' + b"\\u12" * 400000, b'{"a":["' + b"\xf0\x9f" * 700000,
    ],
    ids=["quotes", "backslashes", "small strings", "brackets", "escapes", "bytes"],
)  # fmt: skip
def test_hostile_long_lines_cost_little(tmp_path: Path, line: bytes) -> None:
    begun_s = time.process_time()
    parsed(tmp_path / "line", line)
    assert time.process_time() - begun_s < 2


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    assert parsed(tmp_path / "line", b'{"a":"\xff\xfe b"}') == {"a": "\ufffd\ufffd b"}


def test_a_file_that_became_shorter_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "line"
    path.write_bytes(b'{"a":1}')
    descriptor = os.open(path, os.O_RDONLY)
    assert parse_line(descriptor, 100, 20) == {}
    assert parse_line(descriptor, 0, 5_000_000) == {}
    os.close(descriptor)
