"""A guard of a test's own: a real session, watched from within the test, whose client does as it is told.

What the client starts carries the variables that Claude Code gives to tools, hooks and servers. Time stands still for
the watchdog between two calls of `look`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memguard.core.identity import ProcessId
from memguard.core.layout import write_pairs
from memguard.core.part import HOOK, MCP, OTHER, TOOL, Part
from memguard.guard.excess import Excess
from memguard.host.identity import identify
from memguard.watchdog.guarded_session import GuardedSession
from memguard.watchdog.part_action import PartAction
from memguard.watchdog.tool_call import ToolCall
from tests.sandbox import wait_until
from tests.unit.guard.limits import PAIRS

MB = 1024 * 1024
KEY = "project"
MARK = "MEMGUARD_TEST_RIG"
INTERVALS = {f"{state}_interval_s": "30" for state in ("normal", "warning", "critical", "emergency")}

# Starts what it reads on stdin, a JSON object a line, and answers with the pid; reaps whoever ends.
CLIENT = """
import json, os, signal, sys
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, reap)
print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    own = {"CLAUDE_PID": str(os.getpid()), "CLAUDE_PROJECT_DIR": os.getcwd()}
    environment = {**os.environ, **{name: own[name] for name in order["variables"]}}
    null, log = os.open(os.devnull, os.O_RDWR), os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    words = order["words"]
    default = [signal.SIGCHLD]
    print(os.posix_spawnp(words[0], words, environment, file_actions=actions, setsid=order["own_session"],
                          setsigdef=default), flush=True)
    os.close(null); os.close(log)
"""

# What each kind of part is started with, as measured with the real client (see host/origin.py).
VARIABLES = {
    TOOL: ["CLAUDE_PID"],
    HOOK: ["CLAUDE_PID", "CLAUDE_PROJECT_DIR"],
    MCP: ["CLAUDE_PROJECT_DIR"],
    OTHER: [],
}

# Holds so many MB, says so, and waits.
HOLD = """
import sys, time
held = bytearray(int(sys.argv[1]) << 20)
held[::4096] = b"x" * (len(held) >> 12)
print("ready", flush=True)
time.sleep(120)
"""


class GuardRig:
    """One guarded session. `session` is the real thing; nothing but this test's processes is in its tree."""

    def __init__(self, folder: Path, budgets: dict[str, int] | None = None, **settings: object) -> None:
        self.folder = folder
        self.closers: list[Callable[[], object]] = []  # what else is to be done at the end
        self._mark = f"{MARK}={uuid.uuid4().hex}"
        self.state, self.runtime = folder / "state", folder / "runtime"
        self.project = self.state / KEY
        self.guard = self.runtime / "guards" / "g1"
        for path in (self.state, self.project, self.runtime, self.runtime / "guards", self.guard):
            path.mkdir(mode=0o700)
        budget_pairs = {f"tool_budget_{n}": f"{size} {name}" for n, (name, size) in enumerate((budgets or {}).items())}
        self.compile({**budget_pairs, **settings})
        own = identify(os.getpid())
        assert own is not None
        write_pairs(str(self.guard / "guard"), {"launcher": own.to_text(), "restartable": "1"})
        self._client = self._start_client()
        self.session = GuardedSession(str(self.guard), str(self.state), KEY)
        who = identify(self._client.pid)
        assert who is not None
        self.session.take_up(who, 0)
        self._started = 0

    def compile(self, settings: dict[str, object]) -> None:
        """The project's compiled file, with limits that no test comes near unless it asks for others."""
        pairs = {
            **PAIRS, **INTERVALS, "project": str(self.folder), "runtime": str(self.runtime), "python": sys.executable,
            "mode": "guard", "warning_bytes": 4 << 30, "critical_bytes": 8 << 30, "emergency_bytes": 16 << 30,
            "containment": "process-tree", **settings,
        }  # fmt: skip
        write_pairs(str(self.project / "compiled"), pairs)

    def _start_client(self) -> subprocess.Popen[str]:
        name, _, value = self._mark.partition("=")
        client = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", CLIENT],
            cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), name: value},
        )  # fmt: skip
        assert client.stdout is not None
        assert client.stdout.readline().strip() == "ready"
        return client

    def start(self, kind: str, *words: object, ready: bool = True) -> ProcessId:
        """A child of the client; with `ready`, once it has printed a line."""
        self._started += 1
        order = {
            "words": [str(word) for word in words], "variables": VARIABLES[kind], "own_session": kind in (TOOL, HOOK),
            "log": str(self.log_path),
        }  # fmt: skip
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write(json.dumps(order) + "\n")
        self._client.stdin.flush()
        pid = int(self._client.stdout.readline())
        who = identify(pid)
        assert who is not None, f"{words} ended at once"
        if ready:
            wait_until(self.said, f"the first line of {words}")
        return who

    @property
    def log_path(self) -> Path:
        """Where the child that was started last prints to."""
        return self.folder / f"printed-{self._started}"

    def said(self) -> list[str]:
        """The lines that the child that was started last has printed so far."""
        return self.log_path.read_text().splitlines() if self.log_path.exists() else []

    def python(self, kind: str, code: str, *words: object, ready: bool = True) -> ProcessId:
        """A Python program as a child of the client."""
        return self.start(kind, sys.executable, "-I", "-S", "-c", code, *words, ready=ready)

    def hold(self, kind: str, size_mb: int) -> ProcessId:
        """A child of the client that holds so much."""
        return self.python(kind, HOLD, size_mb)

    def look(self) -> list[Part]:
        """What the watchdog does at each wake; the parts but the client's."""
        self.session.look()
        return [part for part in self.session.parts.now if part.root != self.session.subject.client]

    def part(self, root: ProcessId) -> Part:
        """The part that began with a process, after another look."""
        found = [part for part in self.look() if part.root == root]
        assert found, f"{root} is in no part of its own"
        return found[0]

    def begin_call(self, call: str, tool: str = "Bash", budget_index: int = -1) -> None:
        """As if PreToolUse had told of it."""
        import time

        self.session.activity.in_flight[call] = ToolCall(call, tool, time.time(), budget_index)

    def excess(self, root: ProcessId, limit_bytes: int = 1) -> Excess:
        """A verdict over a part, whatever it holds."""
        return Excess(self.part(root), limit_bytes, "the test's limit", limit_bytes)

    def end(self, excess: Excess) -> tuple[str, PartAction]:
        """Carry a verdict out."""
        action = PartAction(self.session, excess)
        return action.carry_out(), action

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What memguard recorded that it did."""
        path = self.project / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for event in map(json.loads, lines) if not name or event["event"] == name]

    def notes(self) -> dict[str, dict[str, str]]:
        """What was left for the model, by name."""
        folder = self.guard / "notes"
        return {
            path.name: dict(line.split("=", 1) for line in path.read_text().split("\n") if line)
            for path in (folder.iterdir() if folder.exists() else ())
        }

    def log(self) -> str:
        """The lines of memguard's own log."""
        path = self.state / "memguard.log"
        return path.read_text() if path.exists() else ""

    def pids(self) -> list[int]:
        """All that was started here and lives, wherever it went."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            return self._mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def close(self) -> None:
        """End all of it, each by its pid; stopped first, so that nobody forks meanwhile."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for _ in range(50):
                found = [pid for pid in self.pids() if number == signal.SIGKILL or not _is_stopped(pid)]
                for pid in found:
                    _signal(pid, number)
                if not found:
                    break
        for close in self.closers:
            close()
        self._client.kill()
        self._client.wait()
        for stream in (self._client.stdin, self._client.stdout):
            if stream is not None:
                stream.close()


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _is_stopped(pid: int) -> bool:
    from memguard.host.run_state import is_still

    return is_still(pid)
