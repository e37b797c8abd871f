"""A leader with a descendant of each of seven kinds, below a process that may be a subreaper, as a launcher is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import IO

from memguard.core.identity import ProcessId
from memguard.host.identity import identify
from memguard.host.signals import send
from memguard.testing.waiting import wait_until

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KINDS = (
    "plain",
    "own group",
    "setsid",
    "daemonised",
    "daemonised, cleared environment",
    "grandchild",
    "under a shell",
)

# Starts one of each when told to, and says their pids. Each says its own before it becomes `sleep`.
LEADER = """
import os, signal, sys

def sleep(kind, environment=None):
    os.write(1, f"{os.getpid()} {kind}\\n".encode())
    os.execve("/bin/sleep", ["sleep", "600"], os.environ if environment is None else environment)

def forked(action):
    if os.fork() == 0:
        try:
            action()
        finally:
            os._exit(1)

def daemonised(kind, environment=None):
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        sleep(kind, environment)
    os._exit(0)

def grandchild():
    forked(lambda: sleep("grandchild"))
    os.wait()

def under_a_shell():
    os.execv("/bin/sh", ["sh", "-c", 'sleep 600 & echo "$! under a shell"; wait'])

sys.stdin.readline()
forked(lambda: sleep("plain"))
forked(lambda: (os.setpgid(0, 0), sleep("own group")))
forked(lambda: (os.setsid(), sleep("setsid")))
forked(lambda: daemonised("daemonised"))
forked(lambda: daemonised("daemonised, cleared environment", {}))
forked(grandchild)
forked(under_a_shell)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    signal.pause()
"""

# Stands where the launcher stands: starts the leader, and reaps whoever becomes its child.
ABOVE = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from memguard.host.containment.orphans_of import become_subreaper
if sys.argv[2] == "subreaper":
    become_subreaper()
leader = os.fork()
if leader == 0:
    os.setsid()
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", sys.argv[3]])
os.write(1, f"{leader} leader\\n".encode())
while True:
    try:
        os.wait()
    except ChildProcessError:
        signal.pause()
"""


class Family:
    """The processes. `above` stands in the launcher's place; the seven are there after `start`."""

    def __init__(self, session_id: str = "", is_subreaper: bool = False) -> None:
        environment = {"PATH": os.environ["PATH"], "CLAUDE_CODE_SESSION_ID": session_id}
        self._process = subprocess.Popen(
            [sys.executable, "-c", ABOVE, _ROOT, "subreaper" if is_subreaper else "plain", LEADER],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self.above = _known(self._process.pid)
        self.leader = self._read()[1]
        self.kinds: dict[str, ProcessId] = {}

    def start(self) -> None:
        """Let the leader start its descendants: not before it is where it is to be."""
        _stream(self._process.stdin).write(b"\n")
        _stream(self._process.stdin).flush()
        self.kinds = dict(self._read() for _ in KINDS)
        for kind in KINDS[3:5]:  # the forks between them and the leader have ended
            wait_until(lambda kind=kind: self._is_orphaned(kind), "the daemon is one")  # type: ignore[misc]

    def kill_leader(self) -> None:
        """End the leader alone, and wait until it is reaped."""
        send(self.leader, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{self.leader.pid}"), "the leader is gone")

    def close(self) -> None:
        """End all of it."""
        for who in (*self.kinds.values(), self.leader):
            send(who, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            _stream(stream).close()

    def _is_orphaned(self, kind: str) -> bool:
        with open(f"/proc/{self.kinds[kind].pid}/stat", encoding="ascii") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
        return parent in (1, self.above.pid) or parent not in self._line()

    def _line(self) -> set[int]:
        """The leader's own children: what still stands between it and a daemon."""
        with open(f"/proc/{self.leader.pid}/task/{self.leader.pid}/children", encoding="ascii") as file:
            return {int(word) for word in file.read().split()}

    def _read(self) -> tuple[str, ProcessId]:
        pid, _, kind = _stream(self._process.stdout).readline().decode().strip().partition(" ")
        return kind, _known(int(pid))


def _known(pid: int) -> ProcessId:
    who = identify(pid)
    if who is None:
        raise AssertionError(f"process {pid} is gone already")
    return who


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError("it was started without this stream")
    return stream
