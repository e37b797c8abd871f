"""Transcripts that hold what no client should write, or are written to while they are read."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memguard.state.source import Source
from memguard.state.verify import verify
from tests.transcripts import Box

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


def checked(box: Box, snapshot_id: str) -> bytes:
    """What a snapshot that must be good holds."""
    assert verify(box.store, snapshot_id, box.keys) == []
    return box.told(snapshot_id)


@pytest.mark.parametrize(
    "line",
    [b"\0" * 5000, b'{"a":"\xff\xfe\x80"}', b"\xc3", b"", b"\r", b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 50_000],
    ids=["NUL", "not UTF-8", "half a character", "empty", "carriage return", "deep", "deep and torn"],
)
@pytest.mark.parametrize("ending", [b"\n", b""], ids=["whole", "torn"])
def test_odd_bytes_are_kept_as_they_are(box: Box, line: bytes, ending: bytes) -> None:
    box.transcript.prompt("before")
    box.transcript.raw(line + ending)
    first = box.take()
    assert checked(box, first) == box.transcript.path.read_bytes()
    if not ending:
        box.transcript.raw(b"\n")
    box.transcript.prompt("after")
    second = box.take()
    assert checked(box, second) == box.transcript.path.read_bytes()
    assert [request["text"] for request in box.read(second)["conversation"]["requests"]] == ["before", "after"]


def test_a_line_of_50_mb_takes_bounded_memory_and_the_next_capture_is_small(box: Box) -> None:
    box.compile(privacy="exact")
    box.transcript.prompt("before")
    with box.transcript.path.open("ab") as file:
        file.write(b'{"type":"user","message":{"role":"user","content":"')
        for number in range(500):
            file.write(b"%07d " % number * 12500)
    command = [sys.executable, "-c", PEAK_PROGRAM, *box.arguments()]
    done = subprocess.run(command, env=box.environment(), capture_output=True, text=True, check=True, timeout=60)
    torn, peak_kb = done.stdout.split()
    assert int(peak_kb) < 64 * 1024
    box.transcript.raw(b'"}}\n')
    box.transcript.prompt("after")
    whole = box.take()
    assert [len(box.main(name)["segments"]) for name in (torn, whole)] == [2, 2]
    assert checked(box, whole) == box.transcript.path.read_bytes()
    sealed = box.segments()
    box.transcript.prompt("a little more")
    box.take()
    [new] = box.segments().keys() - sealed.keys()
    assert len(box.segments()[new]) < 2000


def test_a_file_that_grows_while_it_is_read_is_captured_as_long_as_it_was(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every read the client has written half a line more; each snapshot goes on from the one before."""
    box.transcript.fill(3_000_000)
    read, half = Source.read, itertools.cycle([b'{"type":"user","message":{"ro', b'le":"user","content":"hello"}}\n'])

    def growing(source: Source, start: int, stop: int) -> bytes:
        box.transcript.raw(next(half))
        return read(source, start, stop)

    monkeypatch.setattr(Source, "read", growing)
    ids = [box.take() for _ in range(6)]
    data = box.transcript.path.read_bytes()
    told = [checked(box, snapshot_id) for snapshot_id in ids]
    assert all(map(data.startswith, told))
    assert sorted(set(map(len, told))) == list(map(len, told))
    assert [box.main(snapshot_id)["begun"] for snapshot_id in ids[1:]] == [""] * 5


@pytest.mark.parametrize("how", ["shorter", "error"])
def test_a_file_that_cannot_be_read_to_its_end(box: Box, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    box.transcript.fill(3_000_000)
    data, read = box.transcript.path.read_bytes(), Source.read

    def failing(source: Source, start: int, stop: int) -> bytes:
        if start < 1_500_000:
            return read(source, start, min(stop, 1_500_000))
        if how == "error":
            raise OSError(5, "Input/output error")
        return b""

    monkeypatch.setattr(Source, "read", failing)
    snapshot_id = box.take()
    monkeypatch.undo()
    told = checked(box, snapshot_id)
    assert data.startswith(told)
    assert len(told) > 1_000_000
    missing, *_ = box.read(snapshot_id)["missing"]
    assert missing.startswith(f"the conversation from byte {len(told)} on: ")
    assert checked(box, box.take()) == data


def test_very_many_short_lines(box: Box) -> None:
    box.compile(privacy="exact")
    box.transcript.raw(b'{"type":"x"}\n' * 200_000)
    snapshot_id = box.take()
    assert box.read(snapshot_id)["conversation"]["lines"] == 200_000
    assert len(checked(box, snapshot_id)) == box.transcript.path.stat().st_size
    assert os.stat(box.cursor()).st_size < 40_000
