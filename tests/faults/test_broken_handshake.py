"""The client waits for a watchdog that never answers, dies, or isn't there; or its launcher dies: nobody waits long."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memguard.core.layout import read_pairs, write_pairs
from tests.sandbox import ROOT, Sandbox, wait_until

# Says when it began, and under which pid.
CLIENT = "#!/bin/sh\necho $$ > {begun}\nexit 7\n"
DEADLINE_S = 1.0


class Stage:
    """A launcher whose watchdog is a program of the test's."""

    def __init__(self, sandbox: Sandbox, watchdog: str) -> None:
        self.sandbox = sandbox
        self.guard = sandbox.folder / "guard"
        self.guard.mkdir(mode=0o700)
        self.begun = sandbox.folder / "begun"
        shutil.copy(sandbox.state_folder / "compiled", self.guard / "compiled")
        pairs = {**read_pairs(str(self.guard / "compiled")), "python": self.program("watchdog", watchdog)}
        write_pairs(str(self.guard / "compiled"), {**pairs})

    def program(self, name: str, text: str) -> str:
        path = self.sandbox.folder / name
        path.write_text(text)
        path.chmod(0o700)
        return str(path)

    def start(self) -> subprocess.Popen[bytes]:
        client = self.program("client", CLIENT.format(begun=self.begun))
        launcher = [sys.executable, "-I", "-S", str(ROOT / "memguard" / "launcher" / "__main__.py")]
        return subprocess.Popen(
            [*launcher, str(self.guard), str(self.sandbox.state), "key", "--", client], cwd=self.sandbox.project,
            env=self.sandbox.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def recorded_pid(self) -> int:
        """The client that the launcher has told the watchdog of."""
        return int(read_pairs(str(self.guard / "client")).get("id", "0").split(":")[0])


def _ended(launcher: subprocess.Popen[bytes]) -> int:
    output, _ = launcher.communicate(timeout=20)
    assert output == b""
    return launcher.returncode


@pytest.mark.parametrize(
    "watchdog",
    ["#!/bin/sh\nexit 1\n", "#!/nowhere/at-all\n"],
    ids=["ends at once", "can't be started"],
)
def test_without_a_watchdog_the_client_begins_at_once(opted_in: Sandbox, watchdog: str) -> None:
    stage = Stage(opted_in, watchdog)
    assert _ended(stage.start()) == 7
    assert not any("not placed" in line for line in opted_in.log()), "it was not waited for"


def test_one_that_never_answers_is_waited_for_once_and_not_long(opted_in: Sandbox) -> None:
    stage = Stage(opted_in, "#!/bin/sh\nexec sleep 600\n")
    launcher = stage.start()
    recorded_s = wait_until(lambda: stage.recorded_pid() and time.monotonic(), "the client is recorded")
    wait_until(stage.begun.exists, "the client has begun", timeout_s=10 * DEADLINE_S)
    assert time.monotonic() - recorded_s > DEADLINE_S / 2, "it was not waited for at all"
    assert int(stage.begun.read_text()) == stage.recorded_pid(), "the pid that was recorded is the client's"
    assert _ended(launcher) == 7
    assert any("not placed the client in time" in line for line in opted_in.log())


def test_one_that_is_stopped_in_the_middle_of_it(opted_in: Sandbox) -> None:
    """As by a debugger, or a container that is paused."""
    stage = Stage(opted_in, "#!/bin/sh\nkill -STOP $$\n")
    assert _ended(stage.start()) == 7


def test_one_that_is_killed_is_followed_by_another_and_the_client_begins(opted_in: Sandbox) -> None:
    stage = Stage(opted_in, f"#!/bin/sh\necho $$ >> {opted_in.folder}/watchdogs\nexec sleep 600\n")
    launcher = stage.start()
    started = opted_in.folder / "watchdogs"
    wait_until(lambda: stage.recorded_pid() and started.exists() and started.read_text(), "the client waits")
    os.kill(int(started.read_text().split()[0]), signal.SIGKILL)
    assert _ended(launcher) == 7
    assert len(started.read_text().split()) == 2


def test_a_client_whose_launcher_is_killed_before_it_began_never_begins(opted_in: Sandbox) -> None:
    stage = Stage(opted_in, "#!/bin/sh\nexec sleep 600\n")
    launcher = stage.start()
    client = wait_until(stage.recorded_pid, "the client waits")
    launcher.kill()
    launcher.communicate(timeout=20)
    wait_until(lambda: not _lives(client), "it has ended")
    assert not stage.begun.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_between_ends_both(opted_in: Sandbox, number: signal.Signals) -> None:
    stage = Stage(opted_in, "#!/bin/sh\nexec sleep 600\n")
    launcher = stage.start()
    client = wait_until(stage.recorded_pid, "the client waits")
    launcher.send_signal(number)
    assert launcher.wait(20) == 128 + number
    assert not _lives(client)
    assert not stage.begun.exists()


def test_a_guard_folder_that_takes_no_fifo_costs_nothing_but_the_group(opted_in: Sandbox) -> None:
    stage = Stage(opted_in, "#!/bin/sh\nexec sleep 600\n")
    (stage.guard / "placed").mkdir()
    assert _ended(stage.start()) == 7
    assert any("launcher: placing" in line for line in opted_in.log())


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
