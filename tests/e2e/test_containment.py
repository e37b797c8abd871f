"""What a tool of the real client detaches stays in the session: counted, and ended at a restart."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from memguard.core.layout import read_pairs
from tests.unit.host.containment.places import group_of

from .api_stand_in import ApiStandIn, Script, bash, text
from .guarded import Guarded
from .processes import is_alive, stat_fields, wait_until

pytestmark = pytest.mark.e2e

MB = 1024 * 1024
SIZE_BYTES = 60 * MB
HOLDS = f"""
import os, sys, time
held = bytearray({SIZE_BYTES})
held[::4096] = b"x" * len(held[::4096])
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(300)
"""
# A server as nobody wants it: twice forked, in a process session of its own, and with nothing in its environment.
STARTS = """
import os, sys
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
null = os.open(os.devnull, os.O_RDWR)
for descriptor in (0, 1, 2):
    os.dup2(null, descriptor)
os.execve(sys.executable, [sys.executable, "-I", "-S", *sys.argv[1:]], {})
"""


class Daemon:
    """Memory that nothing but its containment ties to the session."""

    def __init__(self, folder: Path) -> None:
        self._pid_file = folder / "daemon.pid"
        (folder / "starts.py").write_text(STARTS)
        (folder / "holds.py").write_text(HOLDS)
        words = [sys.executable, "-I", "-S", folder / "starts.py", folder / "holds.py", self._pid_file]
        self.command = shlex.join(map(str, words))

    def pid(self) -> int:
        """Once it holds its memory."""
        return int(self._pid_file.read_text()) if self._pid_file.exists() else 0

    def end(self) -> None:
        """Where memguard didn't."""
        if self.pid() and is_alive(self.pid()):
            os.kill(self.pid(), signal.SIGKILL)


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path)


def _started(guarded: Guarded, api: ApiStandIn, daemon: Daemon) -> None:
    api.reply = Script({"do it": [[bash(daemon.command)], [text("it runs")]]})
    guarded.config("")


def test_a_daemon_without_any_mark_is_counted_and_ended_at_a_restart(
    guarded: Guarded, api: ApiStandIn, daemon: Daemon
) -> None:
    _started(guarded, api, daemon)
    try:
        with guarded.open() as terminal:
            first = guarded.ready(terminal)
            terminal.send("do it")
            terminal.wait_for("it runs")
            pid = wait_until(daemon.pid, "the daemon holds its memory")
            _has_no_mark(pid, first)
            _is_held(guarded, pid)
            wait_until(lambda: _counts(guarded, first), "its memory is the session's")
            guarded.ready(terminal)
            guarded.memguard("restart")
            guarded.next_client(first)
            guarded.ready(terminal)
            assert not is_alive(pid)
    finally:
        daemon.end()


def _has_no_mark(pid: int, client: int) -> None:
    """The test would show nothing if it could be found by anything else."""
    assert Path(f"/proc/{pid}/environ").read_bytes() == b""
    parent, group, session = (int(word) for word in stat_fields(pid)[1:4])
    assert client not in (parent, group, session)


def _is_held(guarded: Guarded, pid: int) -> None:
    (guard,) = (guarded.runtime / "guards").iterdir()
    pairs = read_pairs(str(guard / "containment"))
    if pairs.get("memory"):
        assert group_of(pid, "memory").endswith(f"/memguard-{guard.name}")
    launcher = read_pairs(str(guard / "guard"))["launcher"].split(":")[0]
    assert stat_fields(pid)[1] == launcher, "it is the launcher's child"


def _counts(guarded: Guarded, client: int) -> bool:
    """Whether the watchdog has it in its reading: as a part of the session, beside the client."""
    (session,) = json.loads(guarded.memguard("status", "--json"))
    assert session["client_pid"] == client
    return any(part["footprint_bytes"] > SIZE_BYTES for part in session["parts"] if part["kind"] != "client")


def test_the_client_of_a_launcher_that_is_killed_takes_its_daemons_with_it(
    guarded: Guarded, api: ApiStandIn, daemon: Daemon
) -> None:
    _started(guarded, api, daemon)
    try:
        with guarded.open() as terminal:
            client = guarded.ready(terminal)
            terminal.send("do it")
            terminal.wait_for("it runs")
            pid = wait_until(daemon.pid, "the daemon holds its memory")
            (guard,) = (guarded.runtime / "guards").iterdir()
            if read_pairs(str(guard / "containment"))["mechanism"] in ("subreaper", "process-tree"):
                pytest.skip("no control group here: without its launcher nothing holds a daemon")
            os.kill(int(read_pairs(str(guard / "guard"))["launcher"].split(":")[0]), signal.SIGKILL)
            wait_until(lambda: not is_alive(client), "the client is ended", 30)
            wait_until(lambda: not is_alive(pid), "what it left is ended", 30)
            wait_until(lambda: not guard.exists(), "the guard is gone", 30)
            assert not Path(read_pairs(str(guard / "containment")).get("memory", "/nowhere")).exists()
    finally:
        daemon.end()
