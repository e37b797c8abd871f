"""Keep what a hook is told on stdin, with who started it, and answer what the test has laid out for the event."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def whole(path: Path, content: bytes) -> None:
    """Write a file that a reader sees complete or not at all."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def main(events: Path, answers: Path) -> None:
    """Record one event, then answer it."""
    raw = sys.stdin.buffer.read()
    event = json.loads(raw)["hook_event_name"]
    stem = f"{time.time_ns():020d}-{os.getpid()}-{event}"
    process = {
        "parent_pid": os.getppid(),
        "process_session": os.getsid(0),
        "pid": os.getpid(),
        "environment": dict(os.environ),
    }
    whole(events / f"{stem}.process", json.dumps(process).encode())
    whole(events / f"{stem}.stdin", raw)
    answer = answers / event
    if answer.exists():
        sys.stdout.write(answer.read_text())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
