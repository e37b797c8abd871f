"""Transcripts that are huge in one way or another, or change under a capture: bounded memory, right afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.state.reuse import REWRITTEN, TRUNCATED
from memguard.state.source import BLOCK_BYTES, Source
from memguard.state.verify import verify
from tests.transcripts import Box
from tests.unit.state.test_redact import SECRETS

MEGABYTE_BYTES = 1048576
MOST_MEMORY_BYTES = 160 * MEGABYTE_BYTES
PEAK_PROGRAM = """
import sys
from memguard.state.capture import main
code = main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def checked(box: Box) -> bytes:
    """What the newest snapshot, which must be good, holds."""
    snapshot_id = box.store.ids()[0]
    assert verify(box.store, snapshot_id, box.keys) == []
    return box.told(snapshot_id)


def peak_bytes(box: Box) -> int:
    """Capture in a worker; what it held at the most. By its own /proc: `wait4` counts what this process holds, too."""
    command = [sys.executable, "-c", PEAK_PROGRAM, *box.arguments()]
    done = subprocess.run(command, env=box.environment(), capture_output=True, text=True, check=True, timeout=120)
    return int(done.stdout.split()[-1]) * 1024


def test_a_line_of_50_mb_is_redacted_in_bounded_memory(box: Box) -> None:
    secret = SECRETS["github-token"].encode()
    words = b'def part(lines): \\n    return [len(line) for line in lines if line] # \\"quoted\\" ' * 500
    with box.transcript.path.open("wb") as file:
        file.write(b'{"type":"user","message":{"role":"user","content":"')
        while file.tell() < 50_000_000:
            file.write(words + secret)
        file.write(b'"}}\n')
    assert peak_bytes(box) < MOST_MEMORY_BYTES
    told = box.told()
    assert secret not in told
    content = json.loads(told)["message"]["content"]
    assert content.count("[redacted:github-token]") == box.transcript.path.stat().st_size // len(words + secret)


def test_a_million_lines_are_redacted_in_bounded_memory(box: Box) -> None:
    line = b'{"type":"x","n":%06d}\n'
    with box.transcript.path.open("wb") as file:
        for start in range(0, 1_000_000, 10_000):
            file.write(b"".join(line % number for number in range(start, start + 10_000)))
    assert peak_bytes(box) < MOST_MEMORY_BYTES
    assert checked(box) == box.transcript.path.read_bytes()
    assert box.newest()["conversation"]["lines"] == 1_000_000


def while_it_is_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Act once, when a capture has read three blocks and is going to read the next."""
    read, blocks = Source.read, 0

    def reading(source: Source, start: int, stop: int) -> bytes:
        nonlocal blocks
        blocks += 1
        if blocks == 4:
            act()
        return read(source, start, stop)

    monkeypatch.setattr(Source, "read", reading)


@pytest.fixture
def long_box(box: Box) -> Box:
    box.transcript.prompt("the beginning")
    box.transcript.fill(6 * BLOCK_BYTES)
    return box


def test_truncated_while_it_is_read(long_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box, before = long_box, long_box.transcript.path.read_bytes()
    while_it_is_read(monkeypatch, lambda: os.truncate(box.transcript.path, BLOCK_BYTES))
    box.take()
    monkeypatch.undo()
    told = checked(box)
    assert before.startswith(told)
    assert "the file became shorter" in box.newest()["missing"][0]
    box.take()
    assert checked(box) == before[:BLOCK_BYTES]


def test_replaced_while_it_is_read(long_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was opened is captured to its end; the next capture finds the other file."""
    box, before = long_box, long_box.transcript.path.read_bytes()
    other = box.folder / "other.jsonl"
    shutil.copy(box.transcript.path, other)
    with other.open("r+b") as file:
        file.write(b'{"type":"other"')
    while_it_is_read(monkeypatch, lambda: os.replace(other, box.transcript.path))
    box.take()
    monkeypatch.undo()
    assert checked(box) == before
    box.take()
    assert checked(box) == box.transcript.path.read_bytes()
    assert box.main(box.store.ids()[0])["begun"] == REWRITTEN


def test_removed_while_it_is_read(long_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box, before = long_box, long_box.transcript.path.read_bytes()
    while_it_is_read(monkeypatch, box.transcript.path.unlink)
    box.take()
    monkeypatch.undo()
    assert checked(box) == before
    box.take()
    assert not box.newest()["transcripts"][0]["is_sealed"]
    assert verify(box.store, box.store.ids()[1], box.keys) == []


@pytest.mark.parametrize("where", ["what was read", "what is to come"])
def test_rewritten_in_place_while_it_is_read(long_box: Box, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """No client does that. The next captures notice it, since all that was sealed is compared in turn."""
    box = long_box
    place = 1000 if where == "what was read" else 5 * BLOCK_BYTES

    def rewrite() -> None:
        with box.transcript.path.open("r+b") as file:
            file.seek(place)
            file.write(b"REWRITTEN")

    while_it_is_read(monkeypatch, rewrite)
    box.take()
    monkeypatch.undo()
    for _ in range(3):
        box.take()
    assert checked(box) == box.transcript.path.read_bytes()


def test_truncated_and_grown_again_while_it_is_read(long_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box = long_box

    def begin_again() -> None:
        os.truncate(box.transcript.path, 0)
        box.transcript.prompt("another beginning")
        box.transcript.fill(8 * BLOCK_BYTES)

    while_it_is_read(monkeypatch, begin_again)
    box.take()
    monkeypatch.undo()
    checked(box)
    for _ in range(3):
        box.take()
    assert checked(box) == box.transcript.path.read_bytes()
    begun = [box.main(snapshot_id)["begun"] for snapshot_id in box.store.ids()[:3]]
    assert {REWRITTEN, TRUNCATED} & set(begun)
