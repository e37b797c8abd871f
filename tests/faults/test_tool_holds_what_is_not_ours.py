"""Below a tool: another user's process, a tmux server, another guarded client. None of them is frozen or ended."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from memguard.core.layout import write_pairs
from memguard.core.part import TOOL
from memguard.host.identity import identify
from memguard.host.linux_facts import terminal_number
from memguard.host.run_state import is_stopped, run_state
from memguard.watchdog.part_action import ENDED, REMAINING
from tests.guard_rig import HOLD, MB, GuardRig
from tests.sandbox import wait_until
from tests.unit.host.workshop import gone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memguard.core.identity import ProcessId

HOG = shlex.join([sys.executable, "-I", "-S", "-c", HOLD, "40"])


def who(pid: int) -> ProcessId:
    found = identify(pid)
    assert found is not None, f"{pid} is gone"
    return found


def untouched(process: ProcessId) -> bool:
    """It lives, runs, and was never told to stop for good."""
    return not gone(process) and not is_stopped(process.pid)


class Shell:
    """A tool that is a shell: it starts programs in the background, each under a name in a file, and waits."""

    def __init__(self, rig: GuardRig, *commands: str) -> None:
        self._rig = rig
        lines = [
            f"{command} >'{rig.folder}/out-{n}' & echo $! >'{rig.folder}/pid-{n}'" for n, command in _all(commands)
        ]
        self.root = rig.start(TOOL, "/bin/sh", "-c", "\n".join([*lines, "echo ready", "wait"]))

    def child(self, number: int) -> ProcessId:
        """The process of a command, once it has printed a line."""
        printed = self._rig.folder / f"out-{number}"
        wait_until(lambda: printed.exists() and printed.read_text(), f"command {number}")
        return who(int((self._rig.folder / f"pid-{number}").read_text()))


def _all(commands: tuple[str, ...]) -> list[tuple[int, str]]:
    return list(enumerate(commands))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
def test_another_users_process_is_neither_frozen_nor_ended_and_said_not_to_be_held(rig: GuardRig) -> None:
    other = f"setpriv --reuid 65534 --clear-groups {HOG}"
    shell = Shell(rig, HOG, other)
    hog, others = shell.child(0), shell.child(1)
    outcome, action = rig.end(rig.excess(shell.root, 40 * MB))
    assert set(action.held) == {shell.root, hog}
    assert outcome == ENDED
    assert untouched(others)
    assert run_state(others.pid) == "S"
    assert rig.events("part_frozen")[0]["held_all"] is False
    assert action.frozen_bytes < 80 * MB, "what can't be given back doesn't justify an end"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
def test_a_part_that_is_another_users_alone_is_left_to_the_session(rig: GuardRig) -> None:
    root = rig.start(TOOL, "setpriv", "--reuid", "65534", "--clear-groups", *shlex.split(HOG))
    outcome, action = rig.end(rig.excess(root))
    assert (outcome, action.held) == (REMAINING, [])
    assert untouched(root)
    assert rig.events() == []
    assert rig.notes() == {}


class Tmux:
    """A server with a socket of the test's own."""

    def __init__(self, socket: Path) -> None:
        self.command = ["tmux", "-S", str(socket), "-f", "/dev/null"]

    def ask(self, what: str) -> int:
        """A number of the server's; 0 while there is none."""
        words = [*self.command, "display-message", "-p", what]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return int(done.stdout or 0)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """Ended by its pid, since memguard leaves it alone."""
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux here")
    server = Tmux(tmp_path / "tmux")
    yield server
    if pid := server.ask("#{pid}"):
        os.kill(pid, signal.SIGKILL)


def test_a_tmux_server_that_the_tool_started_survives_with_its_pane(rig: GuardRig, tmux: Tmux) -> None:
    """It was seen in the tool's tree before it left it, so that it counts to the part."""
    start = shlex.join([*tmux.command, "new-session", "-d", "sleep 120"])
    shell = Shell(rig, f"{start}; {HOG}")
    shell.child(0)
    server, pane = who(tmux.ask("#{pid}")), who(tmux.ask("#{pane_pid}"))
    wait_until(lambda: terminal_number(pane.pid), "the pane's terminal")
    from memguard.host.current import read_tree

    excess = rig.excess(shell.root, 40 * MB)
    excess.part.processes += read_tree(server.pid).processes
    outcome, action = rig.end(excess)
    assert outcome == ENDED
    assert not {server, pane} & set(action.held)
    assert untouched(server)
    assert untouched(pane)
    assert tmux.ask("#{pid}") == server.pid, "it answers"
    assert gone(shell.root)


def test_a_tmux_server_in_the_foreground_keeps_the_shell_above_it(rig: GuardRig, tmux: Tmux) -> None:
    """`tmux -D`: the server is the tool's own child. What eats memory beside it is ended."""
    shell = Shell(rig, HOG, f"echo ready; {shlex.join([*tmux.command, '-D'])}")
    hog = shell.child(0)
    start = [*tmux.command, "new-session", "-d", "sleep 120"]
    wait_until(lambda: subprocess.run(start, capture_output=True, check=False).returncode == 0, "a session")
    server, pane = who(tmux.ask("#{pid}")), who(tmux.ask("#{pane_pid}"))
    wait_until(lambda: terminal_number(pane.pid), "the pane's terminal")
    outcome, action = rig.end(rig.excess(shell.root, 40 * MB))
    assert (outcome, action.held) == (ENDED, [hog])
    assert gone(hog)
    assert all(untouched(process) for process in (shell.root, server, pane))


# A launcher of a kind: starts a client, which starts a server in the process session that they all share.
NESTED = """
import os, sys, time
if os.fork(): time.sleep(120)
if not os.fork(): time.sleep(120)
open(sys.argv[1], "w").write(str(os.getpid()))
print("ready", flush=True)
time.sleep(120)
"""


def nested(rig: GuardRig) -> tuple[Shell, ProcessId, ProcessId]:
    """A tool with a hog and another guarded client in it; the tool, the hog, that client."""
    launcher = shlex.join([sys.executable, "-I", "-S", "-c", NESTED, str(rig.folder / "nested")])
    shell = Shell(rig, HOG, launcher)
    hog = shell.child(0)
    shell.child(1)
    client = who(int((rig.folder / "nested").read_text()))
    (rig.runtime / "clients").mkdir(mode=0o700)
    write_pairs(str(rig.runtime / "clients" / str(client.pid)), {"id": client.to_text(), "guard": "g2"})
    return shell, hog, client


def test_another_guarded_client_is_left_to_its_own_guard_with_its_launcher_and_what_it_started(rig: GuardRig) -> None:
    shell, hog, client = nested(rig)
    everybody = [who(pid) for pid in rig.pids()]
    excess = rig.excess(shell.root, 40 * MB)
    assert client.pid not in {process.pid for process in excess.part.processes}
    outcome, action = rig.end(excess)
    assert (outcome, action.held) == (ENDED, [hog])
    assert [process for process in everybody if gone(process)] == [hog]
    assert all(untouched(process) for process in everybody if process != hog)


def test_another_guarded_client_whose_launcher_has_left_the_tree_is_left_alone_too(rig: GuardRig) -> None:
    """The tool's shell is killed by somebody, the rest of its process session lives on."""
    shell, hog, client = nested(rig)
    excess = rig.excess(shell.root, 40 * MB)
    os.kill(shell.root.pid, signal.SIGKILL)
    wait_until(lambda: gone(shell.root), "the end of the shell")
    everybody = [who(pid) for pid in rig.pids() if run_state(pid) != "Z"]
    rig.end(excess)
    assert client in everybody
    assert [process for process in everybody if gone(process)] == [hog]
    assert all(untouched(process) for process in everybody if process != hog)
