"""Long lines are cut, string by string, into lines that still parse."""

from __future__ import annotations

import json
import os
import random
import time
import tracemalloc
from pathlib import Path

import pytest

from memguard.state.json_line import parse_line, shortened

ALPHABET = 'ab"\\\n€\U0001f600\x01'


def test_every_cut_line_parses_and_keeps_the_beginnings() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    for _ in range(60):
        texts = ["".join(chance.choices(ALPHABET, k=chance.choice([0, 7, 900, 9000, 30000]))) for _ in range(3)]
        line = json.dumps({"texts": texts, "type": "user"}, ensure_ascii=chance.random() < 0.5).encode()
        size = chance.choice([3, 100, 5000, 100000])
        found = json.loads(
            shortened(line[at : at + size] for at in range(0, len(line), size)).decode("utf-8", "replace")
        )
        assert found["type"] == "user"
        for text, cut in zip(texts, found["texts"], strict=True):
            assert cut == text or (len(cut) > 1000 and text.startswith(cut[:-1]))


def test_a_line_of_thirty_megabytes_costs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "line"
    path.write_bytes(json.dumps({"type": "user", "text": 'a line\n"quoted"\n' * 1_500_000, "last": 1}).encode())
    descriptor = os.open(path, os.O_RDONLY)
    tracemalloc.start()
    before_s = time.process_time()
    found = parse_line(descriptor, 0, path.stat().st_size)
    seconds, peak = time.process_time() - before_s, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    os.close(descriptor)
    assert (found["type"], found["last"]) == ("user", 1)
    assert found["text"].startswith('a line\n"quoted"\n')
    assert peak < 16 * 1048576
    assert seconds < 5


@pytest.mark.parametrize("line", [b"", b"{", b'{"a": "b', b"[1]", b"nonsense", b'"x"', b"[" * 100000, b'{"a":' * 20000])
def test_what_is_no_object_is_empty(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "line"
    path.write_bytes(line)
    descriptor = os.open(path, os.O_RDONLY)
    assert parse_line(descriptor, 0, len(line)) == {}
    os.close(descriptor)
