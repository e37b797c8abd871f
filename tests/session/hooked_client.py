"""A client that runs hooks as it is told, many at once if need be, and keeps a transcript as the real one does."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from memguard.core.layout import CAPTURE_WANTED, read_pairs
from memguard.state.keys import private_keys
from memguard.state.rebuild import rebuild
from memguard.state.store import Store
from tests.own_guard import own_guard
from tests.sandbox import ROOT, Sandbox, wait_until
from tests.transcripts import SESSION, Transcript

# Reads an order a line: how many of which hook, with which stdin. Answers with how long each took, in seconds.
PROGRAM = """
import json, os, subprocess, sys, threading, time
print("ready", flush=True)
def run(order, took):
    environment = {**os.environ, "CLAUDE_PID": str(os.getpid()), "CLAUDE_PROJECT_DIR": os.getcwd()}
    begun = time.monotonic()
    done = subprocess.run(order["words"], input=order["stdin"].encode(), env=environment, capture_output=True,
                          start_new_session=True)
    assert (done.returncode, done.stderr) == (0, b""), done
    took.append(time.monotonic() - begun)
for line in sys.stdin:
    order, took = json.loads(line), []
    threads = [threading.Thread(target=run, args=(order, took)) for _ in range(order["count"])]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(json.dumps(took), flush=True)
"""


class HookedClient:
    """One session of it, in a guard whose watchdog is this test: it listens, and does nothing."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        path = box.home / ".claude" / "projects" / "-x" / f"{SESSION}.jsonl"
        self.transcript = Transcript(path)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PROGRAM], cwd=self.box.project, env=self.box.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._answer() == "ready\n"
        self._guard = own_guard(self.box, self._process.pid)
        self.mark = self._guard.__enter__() / f"{CAPTURE_WANTED}-{SESSION}"
        return self

    def __exit__(self, *_: object) -> None:
        self._guard.__exit__(None, None, None)
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()

    def fire(self, script: str, count: int = 1) -> list[float]:
        """Run one event's hook so many times at once; how long each took, in seconds."""
        event: dict[str, Any] = {"session_id": SESSION, "transcript_path": str(self.transcript.path)}
        event |= {"cwd": str(self.box.project), "background_tasks": []}
        words = [sys.executable, "-I", "-S", str(ROOT / "claude_hooks" / f"{script}.py"), str(self.box.state)]
        order = {"words": words, "stdin": json.dumps(event, separators=(",", ":")), "count": count}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        took_s: list[float] = json.loads(self._answer())
        return took_s

    def turn(self, text: str, hooks: int = 1, late_s: float = 0) -> list[float]:
        """A turn, its Stop, and what the client writes down after that; how long each hook took, in seconds.

        With `late_s`, prompt and answer are on the disk so long after the hooks have gone, as with a real first turn.
        """
        took_s = self.fire("stop", hooks)
        time.sleep(late_s)
        self.transcript.prompt(f"please say {text}")
        self.transcript.says(text)
        self.transcript.entry(type="system", subtype="turn_duration")
        return took_s

    def worker_pid(self) -> int:
        """The worker that is about to read; 0 where none is."""
        return int(read_pairs(str(self.mark)).get("worker", "0").split(":")[0])

    @property
    def store(self) -> Store:
        """The project's snapshots."""
        return Store(str(self.box.state), self.box.state_folder.name)

    def snapshots(self, count: int) -> list[str]:
        """The ids, newest first, once there are so many, and no worker is left."""
        wait_until(lambda: len(self.store.ids()) >= count, f"{count} snapshots; {self.box.log()}", 60)
        wait_until(lambda: not self.workers(), "the workers' end", 60)
        return self.store.ids()

    def workers(self) -> list[int]:
        """The captures that run, or wait."""
        return [pid for pid in self.box.pids() if b"memguard.state.capture" in _command_line(pid)]

    def held_by(self, snapshot_id: str) -> bytes:
        """The conversation as a snapshot has it."""
        keys, content = private_keys(str(self.box.state)), io.BytesIO()
        rebuild(self.store, self.store.read(snapshot_id, keys), "main", content, keys)
        return content.getvalue()


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
