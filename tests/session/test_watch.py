"""Sessions that were started without `memguard run`: in a tmux pane, in a shell of one, in a plain terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox import Sandbox, wait_until
from tests.tmux_server import TmuxServer

# The leaky client idles at 7 MB and gains 40 MB a step.
TIGHT = "[thresholds]\nwarning = 90\ncritical = 120\nemergency = 2000\n[restart_policy]\nboundary_timeout = 1\n"
STEPS = ("--steps", "8", "--leak-mb", "40", "--step-s", "0.7")
HOLD = ("--steps", "1", "--leak-mb", "1", "--hold", "--")

Tmux = Callable[..., TmuxServer]


@pytest.fixture
def tmux(opted_in: Sandbox) -> Iterator[Tmux]:
    """Starts a server of the test's own with a program in its first pane (none: a shell)."""
    servers: list[TmuxServer] = []

    def start(*words: str, **variables: str) -> TmuxServer:
        environment = {**opted_in.environment, **variables}
        servers.append(TmuxServer(opted_in.folder / "tmux.sock", opted_in.project, environment, *words))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def _compile(sandbox: Sandbox, text: str) -> None:
    """The person's configuration, as sessions without a launcher see it."""
    sandbox.config(text)
    sandbox.memguard("init")


def _steps(sandbox: Sandbox) -> list[int]:
    path = sandbox.project / "steps.txt"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def _held(sandbox: Sandbox) -> int:
    """The pid of a client whose turn is over."""
    wait_until(lambda: any(line["event"] == "Stop" for line in sandbox.spool()), "the turn is over")
    return sandbox.client_pid()


def _next(sandbox: Sandbox, first: int) -> int:
    def other() -> int:
        pid = sandbox.client_pid()
        return pid if pid not in (0, first) and "--resume" in _words(pid) else 0

    return wait_until(other, f"another client; {sandbox.events()}; {sandbox.log()}", 40)


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def _variables(pid: int) -> dict[str, str]:
    items = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(item.split("=", 1) for item in items if "=" in item)


def _await_turns_end(sandbox: Sandbox) -> None:
    """The turn that the first client began is brought to its end.

    A step that was cut off is denied once, whether or not it had taken effect; for the leaky client it is done then.
    """
    wait_until(lambda: any(line["event"] == "Stop" for line in sandbox.spool()), f"its end; {sandbox.events()}", 60)
    assert len(set(_steps(sandbox))) >= 7


def test_in_a_pane_of_its_own_a_session_comes_back_there_and_goes_on(opted_in: Sandbox, tmux: Tmux) -> None:
    _compile(opted_in, TIGHT)
    # An argument that a shell, or tmux, would do something with.
    odd = "#(touch pwned) $(touch pwned); '"
    server = tmux(opted_in.leaky_client(), *STEPS, "--append-system-prompt", odd, "count", SECRET_TOKEN="s; #{pid}")
    (pane,) = server.panes()
    first = server.pane_pid(pane)
    second = _next(opted_in, first)
    words = _words(second)
    assert server.pane_pid(pane) == second
    assert server.panes() == [pane]
    assert words[words.index("--append-system-prompt") + 1] == odd
    assert "--resume" in words
    assert "count" not in words
    variables = _variables(second)
    assert (variables["SECRET_TOKEN"], variables["TMUX_PANE"]) == ("s; #{pid}", pane)
    assert "CLAUDE_PID" not in variables
    _await_turns_end(opted_in)
    assert not (opted_in.project / "pwned").exists()
    assert "memguard restarted this session" in server.screen(pane)
    assert opted_in.events("client_relaunched")[0]["where"] == f"pane {pane}"
    assert server.of_pane(pane, "remain-on-exit") != "on"
    assert server.ask("show-options", "-p", "-t", pane) == ""


def test_the_persons_shell_is_left_alone_and_the_session_goes_on_beside_it(opted_in: Sandbox, tmux: Tmux) -> None:
    _compile(opted_in, TIGHT)
    server = tmux()
    (pane,) = server.panes()
    shell = server.pane_pid(pane)
    server.type(pane, f"MINE=1 {opted_in.leaky_client()} {' '.join(STEPS)} count")
    first = wait_until(opted_in.client_pid, "the client")
    assert first != shell
    second = _next(opted_in, first)
    assert server.pane_pid(pane) == shell
    (other,) = (found for found in server.panes() if found != pane)
    assert server.pane_pid(other) == second
    assert _variables(second)["TMUX_PANE"] == other
    assert _variables(second)["MINE"] == "1"
    _await_turns_end(opted_in)
    server.type(pane, "echo still-$((40 + 2))")
    wait_until(lambda: "still-42" in server.screen(pane), "the shell answers")
    # The client's own last word, or memguard's where it had to be killed.
    assert "claude --resume" in server.screen(pane) or "goes on in a window beside" in server.screen(pane)


def test_a_client_that_had_to_be_killed_leaves_a_shell_that_can_be_used(opted_in: Sandbox, tmux: Tmux) -> None:
    _compile(opted_in, "[restart_policy]\ngraceful_timeout = 1\n")
    server = tmux()
    (pane,) = server.panes()
    server.type(
        pane, f"printf '\\033[?1003h\\033[?25l'; {opted_in.leaky_client()} --ignore-term {' '.join(HOLD)} count"
    )
    first = _held(opted_in)
    assert server.of_pane(pane, "mouse_any_flag") == "1"
    opted_in.memguard("restart")
    _next(opted_in, first)
    wait_until(lambda: "goes on in a window beside" in server.screen(pane), "what was done")
    assert (server.of_pane(pane, "mouse_any_flag"), server.of_pane(pane, "cursor_flag")) == ("0", "1")
    server.type(pane, "echo still-$((40 + 2))")
    wait_until(lambda: "still-42" in server.screen(pane), "the shell answers")


def test_a_restart_by_request_is_repeated_in_the_same_pane(opted_in: Sandbox, tmux: Tmux) -> None:
    opted_in.config("[restart_policy]\ninitial_cooldown = 1\nmax_cooldown = 1\n")
    opted_in.memguard("init")
    server = tmux(opted_in.leaky_client(), *HOLD, "count")
    (pane,) = server.panes()
    pids = [_held(opted_in)]
    for _ in range(2):
        wait_until(lambda: _asks_for_restart(opted_in), "a restart is allowed")
        pids.append(_next(opted_in, pids[-1]))
        assert server.pane_pid(pane) == pids[-1]
        wait_until(lambda: any(line["client_pid"] == pids[-1] for line in opted_in.spool()), "its first hook")
    assert len(opted_in.guards()) == 1
    (status,) = json.loads(opted_in.memguard("status", "--json").stdout)
    assert (status["restarts"], status["restartable"], status["watchdog"]) == (2, True, True)
    assert "count" not in _words(pids[-1])


def _asks_for_restart(sandbox: Sandbox) -> bool:
    done = subprocess.run(
        sandbox.command("restart"), cwd=sandbox.project, env=sandbox.environment, capture_output=True, check=False
    )
    return done.returncode == 0


def test_where_it_is_switched_off_a_pane_is_only_watched(opted_in: Sandbox, tmux: Tmux) -> None:
    _compile(opted_in, TIGHT + "[watch]\nrespawn_in_tmux = false\n")
    server = tmux(opted_in.leaky_client(), *STEPS, "count")
    (pane,) = server.panes()
    first = server.pane_pid(pane)
    wait_until(lambda: opted_in.events("memory_threshold_exceeded"), "it is over its limit")
    wait_until(lambda: len(_steps(opted_in)) == 8, "all steps", 40)
    assert opted_in.events("restart_initiated") == []
    assert {line["client_pid"] for line in opted_in.spool()} == {first}


@pytest.fixture
def terminal() -> Iterator[int]:
    """A plain terminal's inner end."""
    outer, inner = pty.openpty()
    yield inner
    os.close(outer)
    os.close(inner)


def _typed(sandbox: Sandbox, tty: int, *words: str) -> subprocess.Popen[bytes]:
    """A client as it is typed in a plain terminal."""
    code = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", code, sandbox.leaky_client(), *words], cwd=sandbox.project, env=sandbox.environment,
        stdin=tty, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def test_in_a_plain_terminal_a_client_is_warned_and_snapshotted_but_not_ended(opted_in: Sandbox, terminal: int) -> None:
    _compile(opted_in, TIGHT.replace("2000", "200"))
    client = _typed(opted_in, terminal, *STEPS, "count")
    output, _ = client.communicate(timeout=60)
    assert client.returncode == 0
    assert _steps(opted_in) == list(range(1, 9))
    assert b"at or over the critical limit" in output
    assert b"It is not restarted: not started by `memguard run`, nor in a tmux pane." in output
    assert opted_in.events("restart_initiated") == []
    assert json.loads(opted_in.memguard("snapshots", "list", "--json").stdout)


def test_with_end_client_it_is_ended_at_the_emergency_limit_and_its_conversation_kept(
    opted_in: Sandbox, terminal: int
) -> None:
    _compile(opted_in, TIGHT.replace("2000", "200") + "[watch]\nend_client = true\n")
    client = _typed(opted_in, terminal, *STEPS, "count")
    output, _ = client.communicate(timeout=60)
    assert client.returncode == 143, output
    assert b"claude --resume " in output
    (ended,) = wait_until(lambda: opted_in.events("client_ended"), "what was done")
    assert opted_in.events("restart_initiated")[0]["footprint_bytes"] >= 200 * 1024**2
    opted_in.memguard("snapshots", "show", ended["snapshot"])
    wait_until(lambda: not opted_in.guards(), "nothing of the guard is left")


def test_watch_guards_what_runs_already_once(sandbox: Sandbox, terminal: int) -> None:
    """Started before the project was opted in, it runs no hooks of memguard's."""
    client = _typed(sandbox, terminal, *HOLD, "count")
    (entry,) = wait_until(lambda: list(sandbox.home.glob(".claude/sessions/*.json")), "its registry entry")
    assert "is not opted in" in sandbox.memguard("watch", "--pid", str(client.pid), code=1).stderr
    sandbox.memguard("init")
    shown = sandbox.memguard("watch", "--pid", str(client.pid)).stdout
    assert shown.startswith(f"watching client {client.pid}: ")
    assert "itself it is never ended (not started by `memguard run`, nor in a tmux pane)" in shown
    session = json.loads(entry.read_text())["sessionId"]
    again = json.loads(sandbox.memguard("watch", "--session", session[:8], "--json").stdout)
    assert (again["started"], again["client_pid"], again["owner"]) == (False, client.pid, "terminal")
    (guard,) = sandbox.guards()
    assert again["guard"] == guard.name
    (status,) = json.loads(sandbox.memguard("status", "--json").stdout)
    assert (status["client_pid"], status["watchdog"], status["session"]) == (client.pid, True, status["session"])
    client.send_signal(signal.SIGTERM)
    client.communicate(timeout=20)
    wait_until(lambda: not sandbox.guards(), "the guard ends with its client")


def test_watch_in_the_foreground_shows_what_is_done_until_the_end(opted_in: Sandbox, terminal: int) -> None:
    client = _typed(opted_in, terminal, *HOLD, "count")
    _held(opted_in)
    command = opted_in.command("watch", "--pid", str(client.pid), "--foreground")
    watch = subprocess.Popen(command, cwd=opted_in.project, env=opted_in.environment, stdout=subprocess.PIPE, text=True)
    assert watch.stdout
    assert watch.stdout.readline().startswith("already watching client")
    client.send_signal(signal.SIGTERM)
    client.communicate(timeout=20)
    output, _ = watch.communicate(timeout=20)
    assert '"event": "monitoring_stopped"' in output
    assert watch.returncode == 0


def test_a_client_of_the_launchers_is_said_to_be_guarded(opted_in: Sandbox) -> None:
    session = opted_in.start(*HOLD, "count")
    pid = _held(opted_in)
    assert "guarded already" in opted_in.memguard("watch", "--pid", str(pid)).stdout
    assert len(opted_in.guards()) == 1
    session.terminate()
    session.communicate(timeout=20)


@pytest.mark.parametrize("words", [("--pid", "1"), ("--pid", "999999999"), ("--pid", "-5"), ("--session", "nobody")])
def test_nobody_there_is_one_line(opted_in: Sandbox, words: tuple[str, str]) -> None:
    shown = opted_in.memguard("watch", *words, code=1).stderr
    assert len(shown.splitlines()) == 2
    assert shown.startswith("memguard: no ")


def test_another_program_is_refused(opted_in: Sandbox) -> None:
    shown = opted_in.memguard("watch", "--pid", str(os.getpid()), code=1).stderr
    assert f"process {os.getpid()} is not a Claude Code client" in shown


def test_a_remote_session_is_refused(opted_in: Sandbox, terminal: int) -> None:
    opted_in.environment["CLAUDE_CODE_REMOTE"] = "1"
    client = _typed(opted_in, terminal, *HOLD, "count")
    wait_until(lambda: list(opted_in.home.glob(".claude/sessions/*.json")), "its registry entry")
    shown = opted_in.memguard("watch", "--pid", str(client.pid), code=1).stderr
    assert "a remote session is not watched" in shown
    client.send_signal(signal.SIGTERM)
    client.communicate(timeout=20)
