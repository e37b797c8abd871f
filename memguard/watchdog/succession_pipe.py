"""Handing a client's command line, folder and variables over to the process that is to become it."""

import json
import os
import select
import time

from memguard.core.identity import ProcessId
from memguard.core.layout import SUCCESSOR, remove
from memguard.host import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.host.client_process import ClientProcess
    from memguard.launcher.succession import Launch

# An interpreter starts within 0.1 s, on a machine that is short of memory within some.
_TIMEOUT_S = 10.0
_LOOK_S = 0.01
_SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "launcher", "successor.py")


class SuccessionPipe:
    """A FIFO in the guard's folder, which is this user's alone; gone after one hand-over. Raises OSError."""

    def __init__(self, guard_dir: str, python: str) -> None:
        self._path = f"{guard_dir}/{SUCCESSOR}"
        remove(self._path)
        os.mkfifo(self._path, 0o600)
        self.words = [python, "-I", "-S", _SCRIPT, self._path]

    def give(self, who: ProcessId, client: "ClientProcess", program: str, launch: "Launch") -> bool:
        """Give it to the process that waits for it; whether that has become the client."""
        words = [*client.words[: client.prefix_length()], *launch.words]
        parts = {"program": program, "words": words, "cwd": client.cwd, "environment": launch.environment}
        deadline_s = time.monotonic() + _TIMEOUT_S
        return self._write(who, json.dumps(parts).encode(), deadline_s) and self._has_become(who, deadline_s)

    def close(self) -> None:
        """Leave nothing; what can't be removed goes with the guard's folder."""
        try:
            remove(self._path)
        except OSError:
            return

    def _write(self, who: ProcessId, data: bytes, deadline_s: float) -> bool:
        descriptor = self._open(who, deadline_s)
        if descriptor < 0:
            return False
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            while data and time.monotonic() < deadline_s:
                if poll.poll(_LOOK_S * 1000):
                    data = data[os.write(descriptor, data) :]
        except OSError:  # it ended before it had read all
            return False
        finally:
            os.close(descriptor)
        return not data

    def _open(self, who: ProcessId, deadline_s: float) -> int:
        """The writing end, once it reads; -1 where it never does."""
        while time.monotonic() < deadline_s and identity.is_alive(who):
            try:
                return os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                time.sleep(_LOOK_S)
        return -1

    def _has_become(self, who: ProcessId, deadline_s: float) -> bool:
        """Whether `exec` has come: until then, this script's path is on its command line."""
        while time.monotonic() < deadline_s and identity.is_alive(who):
            try:
                with open(f"/proc/{who.pid}/cmdline", "rb") as file:
                    words = file.read(65536)
            except OSError:
                return False
            if words and os.fsencode(self._path) not in words:
                return True
            time.sleep(_LOOK_S)
        return False
