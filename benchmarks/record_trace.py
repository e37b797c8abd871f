"""Record how the real client's memory moves, as the traces that the forecast is judged on.

    python benchmarks/record_trace.py [--folder tests/traces]

Writes one file per trace: `answer` (the client receives an answer of 30 MB), `resume` (it reads that conversation
again), `tool` (a Bash call builds up records in batches, and drops a part of them after each). Each line is a time in
milliseconds and the footprint of the client's tree in KB; the client talks to the API stand-in of the tests.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common import ROOT

from memguard.host.current import read_tree
from tests.e2e.api_stand_in import ApiStandIn, Script, bash, big_text, text
from tests.e2e.harness import VERSION, Client, Home, new_session_id
from tests.e2e.processes import wait_until
from tests.e2e.terminal import Terminal

STEP_S = 0.02
ANSWER_BYTES = 30_000_000
# After the part that grows, the client goes on to settle.
AFTER_S = 5.0
TOOL = """\
import time
kept = []
for batch in range(12):
    fresh = []
    for _ in range(40):
        fresh += [f"record {number} of batch {batch} " + "x" * 400 for number in range(3500)]
        time.sleep(0.04)
    kept += fresh[::2]
    del fresh
"""


def main() -> int:
    """Record all three."""
    parser = argparse.ArgumentParser(description="Record traces of the real client")
    parser.add_argument("--folder", type=Path, default=ROOT / "tests" / "traces", help="where the files go")
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="memguard-trace-") as place, ApiStandIn(Script({})) as api:
        work = Path(place)
        tool = work / "tool.py"
        tool.write_text(TOOL)
        command = shlex.join([sys.executable, "-I", "-S", str(tool)])
        script = {"a long story": [[big_text(ANSWER_BYTES)]], "build it": [[bash(command)], [text("built")]]}
        api.reply = Script(script)
        client = _client(work, api.url)
        try:
            _record_all(client, folder)
        finally:
            client.home.end_processes()
    return 0


def _client(work: Path, url: str) -> Client:
    project = work / "project"
    project.mkdir()
    home = Home(work / "home")
    home.seed(project)
    return Client(home, project, url)


def _record_all(client: Client, folder: Path) -> None:
    session = new_session_id()
    with client.open("--session-id", session) as terminal:
        pid = _ready(client, terminal)
        with _recorded(pid, folder / "answer.txt", "an answer of 30 MB"):
            terminal.send("a long story")
            _turn(client, pid)
    with (
        client.open("--resume", session) as terminal,
        _recorded(terminal.pid, folder / "resume.txt", "resuming a conversation of 30 MB"),
    ):
        _ready(client, terminal)
    with client.open() as terminal:
        pid = _ready(client, terminal)
        with _recorded(pid, folder / "tool.txt", "a Bash call that builds up records in batches"):
            terminal.send("build it")
            _turn(client, pid)


def _ready(client: Client, terminal: Terminal) -> int:
    """Wait until the client in this terminal takes input; its pid."""
    pid = terminal.pid
    wait_until(lambda: client.home.status(pid) == "idle", "the client is ready", 60)
    return pid


def _turn(client: Client, pid: int) -> None:
    wait_until(lambda: client.home.status(pid) == "busy", "the turn has begun", 30)
    wait_until(lambda: client.home.status(pid) == "idle", "the turn is over", 120)


@contextmanager
def _recorded(pid: int, path: Path, what: str) -> Iterator[None]:
    """Sample the client's tree meanwhile and AFTER_S longer, and write the file."""
    samples: list[tuple[float, int]] = []
    done = threading.Event()
    thread = threading.Thread(target=_sample, args=(pid, samples, done))
    thread.start()
    try:
        yield
        time.sleep(AFTER_S)
    finally:
        done.set()
        thread.join()
    host = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    lines = [f"# {what}, Claude Code {VERSION}, {host}; ms and KB of the client's whole tree"]
    lines += [f"{1000 * (now_s - samples[0][0]):.0f} {size // 1024}" for now_s, size in samples]
    path.write_text("\n".join(lines) + "\n")
    print(f"{path.name}: {len(samples)} readings, most {max(size for _, size in samples) // 1024**2} MB")


def _sample(pid: int, samples: list[tuple[float, int]], done: threading.Event) -> None:
    while not done.wait(STEP_S):
        size = read_tree(pid).footprint_bytes
        if size:
            samples.append((time.monotonic(), size))


if __name__ == "__main__":
    sys.exit(main())
