"""Real processes for tests; each is ended after its test, by identity."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from memguard.core.identity import ProcessId
from memguard.host.identity import identify, is_alive
from memguard.host.signals import send

SESSION_VARIABLE = "CLAUDE_CODE_SESSION_ID"


class Workshop:
    """Starts Python programs and waits until they say that they are ready."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []
        self._adopted: list[ProcessId] = []

    def start(self, code: str, *args: str, session_id: str = "") -> subprocess.Popen[str]:
        """Run `code` in a process session of its own; returns once it has printed its first line (see `line`)."""
        environment = {name: value for name, value in os.environ.items() if name != SESSION_VARIABLE}
        if session_id:
            environment[SESSION_VARIABLE] = session_id
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code, *args],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def line(self, process: subprocess.Popen[str]) -> str:
        """The next line that a process prints; fails when it ended instead."""
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line, f"process {process.pid} ended without a word"
        return line

    def ready(self, code: str, *args: str, session_id: str = "") -> ProcessId:
        """Like `start`, but waits for the first line and returns who it is."""
        process = self.start(code, *args, session_id=session_id)
        self.line(process)
        return self.adopt(process.pid)

    def adopt(self, pid: int) -> ProcessId:
        """Take care of a process that another one started."""
        who = identify(pid)
        assert who is not None, f"process {pid} is gone already"
        self._adopted.append(who)
        return who

    def close(self) -> None:
        """End all that still runs: each with the process group that it leads, then what had left that."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        for who in self._adopted:
            send(who, signal.SIGKILL)


def until(holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for a condition; fails when it doesn't come."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "the condition didn't come"
        time.sleep(0.01)


def gone(who: ProcessId) -> bool:
    return not is_alive(who)
