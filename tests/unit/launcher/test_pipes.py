"""stdin kept for a second client, two streams made one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

# Each runs in a process of its own, since both work on descriptors 0 and 1.
KEEPS = """
import os, sys
from memguard.launcher.pipes import KeptInput
kept = KeptInput(sys.argv[1])
for number in range(2):
    reader, got = kept.connect(), b""
    os.set_blocking(reader, False)
    while True:
        if not kept.is_at_end: kept.take()
        if kept.sink >= 0: kept.give()
        try:
            data = os.read(reader, 65536)
        except BlockingIOError:
            continue
        if not data: break
        got += data
    print(len(got), got[:5] + got[-5:])
print(os.listdir(sys.argv[1]))
"""
JOINS = """
import os, sys
from memguard.launcher.pipes import OneStream
stream = OneStream()
for output in sys.argv[1:]:
    writer = stream.connect()
    os.write(writer, output.encode()); os.close(writer)
    while stream.pump(): pass
stream.flush()
"""


def _run(code: str, *arguments: str, stdin: bytes = b"") -> str:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=True)
    return done.stdout.decode()


def test_a_second_client_reads_the_same_input_from_its_start(tmp_path: Path) -> None:
    lines = _run(KEEPS, str(tmp_path), stdin=b"begin" + os.urandom(500_000).hex().encode() + b"ended").splitlines()
    assert lines == ["1000010 b'beginended'", "1000010 b'beginended'", "[]"]


def test_an_empty_input_ends_at_once(tmp_path: Path) -> None:
    assert _run(KEEPS, str(tmp_path)).splitlines()[:2] == ["0 b''", "0 b''"]


def test_two_clients_make_one_stream_with_one_init_and_no_torn_line() -> None:
    init = json.dumps({"type": "system", "subtype": "init"}, separators=(",", ":")) + "\n"
    first = init + '{"type":"assistant"}\n{"type":"torn'
    second = init + '{"type":"result"}\n'
    lines = _run(JOINS, first, second).splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["system", "assistant", "result"]


def test_what_the_last_client_prints_without_a_line_end_is_passed_on() -> None:
    assert _run(JOINS, "Error: no such model") == "Error: no such model"
