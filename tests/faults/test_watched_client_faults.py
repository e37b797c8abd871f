"""A client without a launcher whose surroundings lie, hang or vanish: it is left alone rather than lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from memguard.core.layout import project_key, read_pairs
from memguard.core.spawn import start_detached, start_watchdog_command
from memguard.demo import leaky_client
from memguard.host import identity
from tests.sandbox import Sandbox, wait_until
from tests.tmux_server import TmuxServer

HOLD = ("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")


@pytest.fixture
def server(opted_in: Sandbox) -> Iterator[TmuxServer]:
    """A tmux server with the leaky client as its pane's own process."""
    words = (opted_in.leaky_client(), *HOLD)
    server = TmuxServer(opted_in.folder / "tmux.sock", opted_in.project, opted_in.environment, *words)
    yield server
    server.close()


def _held(sandbox: Sandbox) -> int:
    wait_until(lambda: any(line["event"] == "Stop" for line in sandbox.spool()), "the turn is over")
    return sandbox.client_pid()


def _lives(pid: int) -> bool:
    who = identity.identify(pid)
    return who is not None and identity.is_alive(who)


def _refused(sandbox: Sandbox) -> str:
    """Why the restart that the person asked for was not done."""
    (event,) = wait_until(lambda: sandbox.events("restart_failed"), "the refusal", 40)
    return str(event["why"])


def test_a_tmux_that_hangs_is_not_waited_for_and_nothing_is_ended(opted_in: Sandbox, server: TmuxServer) -> None:
    pid = _held(opted_in)
    os.kill(server.pid, signal.SIGSTOP)
    opted_in.memguard("restart")
    assert "tmux doesn't answer" in _refused(opted_in)
    assert _lives(pid)
    os.kill(server.pid, signal.SIGCONT)
    assert server.pane_pid(server.panes()[0]) == pid
    assert opted_in.events("restart_initiated") == []


def test_a_socket_that_is_gone_leaves_the_client_where_it_is(opted_in: Sandbox, server: TmuxServer) -> None:
    pid = _held(opted_in)
    moved = server.socket.with_suffix(".moved")
    server.socket.rename(moved)
    opted_in.memguard("restart")
    assert "not this user's alone" in _refused(opted_in)
    assert _lives(pid)
    moved.rename(server.socket)


def test_a_pane_whose_process_left_it_is_not_taken_for_the_clients(opted_in: Sandbox) -> None:
    """TMUX names the right server, TMUX_PANE another pane of it: nothing is started in that one."""
    server = TmuxServer(opted_in.folder / "tmux.sock", opted_in.project, opted_in.environment, "sleep", "1000")
    try:
        (other,) = server.panes()
        words = ("-d", "-c", str(opted_in.project), "env", f"TMUX_PANE={other}", opted_in.leaky_client(), *HOLD)
        server.ask("new-window", *words)
        pid = _held(opted_in)
        (status,) = json.loads(opted_in.memguard("status", "--json").stdout)
        assert status["restartable"] is False
        assert "names is not the client's" in status["not_restartable_because"]
        assert _lives(pid)
    finally:
        server.close()


def test_a_program_that_is_gone_is_noticed_before_the_client_is_ended(opted_in: Sandbox) -> None:
    """The client runs an interpreter that an update has removed, and that PATH no longer finds."""
    copy = opted_in.folder / "python-of-its-own"
    shutil.copyfile(sys.executable, copy)
    copy.chmod(0o700)
    environment = {**opted_in.environment, "PYTHONHOME": sys.base_prefix}
    words = (str(copy), "-S", leaky_client.__file__, *HOLD)
    server = TmuxServer(opted_in.folder / "tmux.sock", opted_in.project, environment, *words)
    try:
        pid = _held(opted_in)
        copy.unlink()
        opted_in.memguard("restart")
        assert "program is not there any more" in _refused(opted_in)
        assert _lives(pid)
    finally:
        server.close()


def test_a_folder_that_is_gone_is_noticed_before_the_client_is_ended(opted_in: Sandbox) -> None:
    """The successor could not enter it, and the session would be over."""
    folder = opted_in.project / "of-a-tool"
    shutil.copytree(opted_in.project / ".claude", folder / ".claude")
    words = ("sh", "-c", 'cd "$0" && exec "$@"', str(folder), opted_in.leaky_client(), *HOLD)
    server = TmuxServer(opted_in.folder / "tmux.sock", opted_in.project, opted_in.environment, *words)
    try:
        pid = _held(opted_in)
        shutil.rmtree(folder)
        opted_in.memguard("restart")
        assert "working folder is not there any more" in _refused(opted_in)
        assert _lives(pid)
        assert server.of_pane(server.panes()[0], "remain-on-exit") != "on"
        assert not (opted_in.guards()[0] / "successor").exists()
    finally:
        server.close()


def test_a_fifo_that_can_not_be_made_is_noticed_before_the_client_is_ended(
    opted_in: Sandbox, server: TmuxServer
) -> None:
    pid = _held(opted_in)
    (opted_in.guards()[0] / "successor").mkdir()
    opted_in.memguard("restart")
    assert "nothing can be handed over to its successor" in _refused(opted_in)
    assert _lives(pid)
    (pane,) = server.panes()
    assert server.pane_pid(pane) == pid


def test_a_pid_that_was_given_away_since_the_look_gets_no_guard(opted_in: Sandbox) -> None:
    """The watchdog is told a process, not a pid: of another one with that pid nothing is done."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    who = identity.identify(other.pid)
    assert who
    former = f"{who.pid}:{who.start_ticks - 1}:{who.boot_id}:{who.pid_namespace}"
    guard = opted_in.runtime / "memguard" / "guards" / "00000000000000ab"
    guard.mkdir(parents=True, mode=0o700)
    key = project_key(str(opted_in.project))
    start_detached(
        start_watchdog_command(sys.executable, str(guard), str(opted_in.state), key, former), opted_in.environment
    )
    wait_until(lambda: opted_in.events("monitoring_stopped"), "it leaves")
    assert other.poll() is None
    assert not guard.exists()
    assert read_pairs(str(opted_in.runtime / "memguard" / "clients" / str(other.pid))) == {}
    other.kill()
    other.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
def test_another_users_client_is_refused(opted_in: Sandbox) -> None:
    program = [sys.executable, "-I", "-S", "-c", "print(flush=True); import time; time.sleep(60)"]
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *program]
    other = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert other.stdout
    other.stdout.readline()
    shown = opted_in.memguard("watch", "--pid", str(other.pid), code=1).stderr
    assert shown.startswith(f"memguard: no process of yours has the pid {other.pid}")
    assert opted_in.guards() == []
    other.kill()
    other.communicate()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"sessionId": 3}'])
def test_a_torn_registry_names_nobody(opted_in: Sandbox, text: str) -> None:
    folder = opted_in.home / ".claude" / "sessions"
    folder.mkdir(parents=True)
    (folder / f"{os.getpid()}.json").write_text(text)
    (folder / "999999999999999999999.json").write_text(text)
    (folder / "²³.json").write_text(text)
    shown = opted_in.memguard("watch", "--session", "abc", code=1).stderr
    assert "no running client has the session abc" in shown
