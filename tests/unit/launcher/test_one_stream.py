"""The outputs of two clients made one stream of JSON lines, whatever the size of a line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

INIT = json.dumps({"type": "system", "subtype": "init"}, separators=(",", ":")) + "\n"
# In a process of its own, since it works on descriptor 1. Each file is one client's output.
JOINS = """
import os, sys, threading, time
from memguard.launcher.one_stream import OneStream
stream = OneStream(sys.argv[1])
def feed(path, writer):
    with open(path, "rb") as source, open(writer, "wb") as sink:
        while block := source.read(65536): sink.write(block)
for path in sys.argv[2:]:
    writer = stream.connect()
    threading.Thread(target=feed, args=(path, writer)).start()
    begun_s = time.thread_time()
    while stream.pump(): pass
    used_s = time.thread_time() - begun_s
stream.flush()
(peak_kb,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(used_s, peak_kb, os.listdir(sys.argv[1]), file=sys.stderr)
"""
FULL = """
import os
def refuse(*_): raise OSError(28, "No space left on device")
os.pwrite = refuse
"""


def _run(folder: Path, *outputs: str, code: str = JOINS) -> tuple[str, list[str]]:
    own = folder / "own"
    own.mkdir()
    paths = [folder / str(number) for number in range(len(outputs))]
    for path, output in zip(paths, outputs, strict=True):
        path.write_text(output)
    command = [sys.executable, "-c", code, str(own), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    return done.stdout.decode(), done.stderr.decode().split(maxsplit=2)


def _kinds(stream: str) -> list[str]:
    return [json.loads(line)["type"] for line in stream.splitlines()]


def _large(kind: str, size_bytes: int) -> str:
    return json.dumps({"type": kind, "text": "x" * size_bytes})


def test_two_clients_make_one_stream_with_one_init_and_no_torn_line(tmp_path: Path) -> None:
    first = INIT + '{"type":"assistant"}\n{"type":"torn'
    stream, _ = _run(tmp_path, first, INIT + '{"type":"result"}\n')
    assert _kinds(stream) == ["system", "assistant", "result"]


def test_what_the_last_client_prints_without_a_line_end_is_passed_on(tmp_path: Path) -> None:
    assert _run(tmp_path, "Error: no such model")[0] == "Error: no such model"


def test_a_line_of_30_mb_costs_little_time_and_no_memory(tmp_path: Path) -> None:
    line = _large("user", 30_000_000) + "\n"
    stream, (used_s, peak_kb, left) = _run(tmp_path, INIT + line + '{"type":"result"}\n')
    assert stream == INIT + line + '{"type":"result"}\n'
    assert float(used_s) < 1
    assert int(peak_kb) < 40_000
    assert left.strip() == "[]"


def test_a_large_torn_line_is_not_passed_on_either(tmp_path: Path) -> None:
    torn = _large("torn", 3_000_000)[:-100]
    stream, _ = _run(tmp_path, INIT + torn, INIT + '{"type":"result"}\n')
    assert _kinds(stream) == ["system", "result"]


def test_lines_of_all_sizes_arrive_as_they_were(tmp_path: Path) -> None:
    lines = [_large("user", size) for size in (0, 10, 65_000, 65_536, 1_048_576, 1_048_577, 5, 2_500_000, 1)]
    text = "\n".join(lines) + "\n"
    assert _run(tmp_path, text)[0] == text


def test_with_a_full_disk_a_large_line_is_passed_on_and_ended_when_it_is_torn(tmp_path: Path) -> None:
    torn = _large("torn", 3_000_000)[:-100]
    whole = _large("user", 2_000_000)
    stream, _ = _run(tmp_path, f"{whole}\n{torn}", '{"type":"result"}\n', code=FULL + JOINS)
    assert stream == f'{whole}\n{torn}\n{{"type":"result"}}\n'
