"""The real client without `memguard run`: in a tmux pane, in a plain terminal, and as a background session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tmux_server import TmuxServer

from .api_stand_in import ApiStandIn, Script, bash, text
from .guarded import Guarded
from .harness import PROMPT_MARK, Client, Terminal, WaitingTool, client_path, is_alive, wait_until

pytestmark = pytest.mark.e2e

Pane = tuple[TmuxServer, str]


@pytest.fixture
def in_pane(guarded: Guarded, tmp_path: Path) -> Iterator[Callable[..., Pane]]:
    """Starts the client as a pane's own process, as `tmux new-session claude` does."""
    servers: list[TmuxServer] = []

    def start(*words: str) -> Pane:
        argv = guarded.client.argv(*words)
        servers.append(TmuxServer(tmp_path / "tmux.sock", guarded.project, guarded.environment, *argv))
        return servers[-1], servers[-1].panes()[0]

    yield start
    for server in servers:
        server.close()


def _compiled(guarded: Guarded, text: str) -> None:
    """The person's configuration, as sessions without a launcher see it."""
    guarded.config(text)
    guarded.memguard("init")


def _ready(guarded: Guarded, screen: Callable[[], str], not_pid: int = 0) -> int:
    """Wait until the guarded client takes input; its pid."""

    def idle() -> int:
        pid = guarded.client_pid()
        return pid if pid != not_pid and guarded.says(pid) == "idle" and PROMPT_MARK in screen() else 0

    return wait_until(idle, "prompt box", 40, screen)


def _why(guarded: Guarded) -> Callable[[], str]:
    return lambda: json.dumps(guarded.events(), indent=1)


def _words(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def test_over_its_limit_it_comes_back_in_the_same_pane_and_its_turn_goes_on(
    guarded: Guarded, api: ApiStandIn, in_pane: Callable[..., Pane], tool: WaitingTool
) -> None:
    api.reply = Script({"do it": [[bash(tool.command)], [text("all done")]]})
    server, pane = in_pane("--append-system-prompt", "be brief; $(date) #(date)")
    first = _ready(guarded, lambda: server.screen(pane))
    assert server.pane_pid(pane) == first
    server.ask("send-keys", "-t", pane, "-l", "--", "do it")
    wait_until(lambda: "do it" in server.screen(pane), "the prompt")
    server.ask("send-keys", "-t", pane, "Enter")
    running = tool.wait_for_run()
    # What any client holds is over this: one restart, in the middle of the turn, and no other.
    _compiled(guarded, "boundary_timeout = 1\nmax_attempts = 1\n[thresholds]\nwarning = 50\ncritical = 60\n")
    second = guarded.next_client(first, 90)
    wait_until(lambda: "all done" in server.screen(pane), "the turn's end", 90, lambda: server.screen(pane))
    assert server.pane_pid(pane) == second
    assert server.panes() == [pane]
    assert not is_alive(first)
    assert not is_alive(running)
    assert tool.pids() == [running]
    words = _words(second)
    assert words[words.index("--append-system-prompt") + 1] == "be brief; $(date) #(date)"
    assert words[words.index("--resume") + 1] == guarded.events("restart_initiated")[0]["session"]
    assert "restarted" in "\n".join(api.turns[-1].texts("system"))
    assert "its outcome is unknown" in json.dumps(api.turns[-1].tool_results())
    assert guarded.status()["restartable"]


def test_in_a_plain_terminal_it_is_warned_and_never_ended(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = Script({"hello": [[text("hello yourself")]]})
    _compiled(guarded, "boundary_timeout = 1\n[thresholds]\nwarning = 50\ncritical = 60\nemergency = 70\n")
    with Terminal(guarded.client.argv(), guarded.environment, guarded.project) as terminal:
        pid = _ready(guarded, terminal.screen)
        terminal.send("hello")
        terminal.wait_for("hello yourself")
        terminal.wait_for("is not restarted: not started by")  # "It" may stand on the line above
        wait_until(lambda: guarded.events("memory_threshold_exceeded"), "it is over its limit", 30, _why(guarded))
        wait_until(lambda: json.loads(guarded.memguard("snapshots", "list", "--json")), "a snapshot")
        assert guarded.status()["not_restartable_because"].startswith("not started by `memguard run`")
        terminal.send("hello again")
        wait_until(lambda: terminal.screen().count("hello yourself") == 2, "it goes on")
        assert terminal.pid == pid
        assert guarded.events("restart_initiated") == []


def test_watch_takes_up_a_session_whose_watchdog_was_killed(guarded: Guarded) -> None:
    with Terminal(guarded.client.argv(), guarded.environment, guarded.project) as terminal:
        pid = _ready(guarded, terminal.screen)
        (entry,) = guarded.home.sessions()
        guard = guarded.guard()
        assert guard
        watchdog = int(wait_until((guard / "watchdog").read_text, "its watchdog").split(":")[0])
        os.kill(watchdog, signal.SIGKILL)
        wait_until(lambda: not is_alive(watchdog), "the watchdog's end")
        shown = json.loads(guarded.memguard("watch", "--session", entry["sessionId"][:8], "--json"))
        assert (shown["client_pid"], shown["started"], shown["guard"]) == (pid, True, guard.name)
        assert (shown["owner"], shown["restartable"]) == ("terminal", False)
        assert guarded.status()["watchdog"]
        assert guarded.client_pid() == pid
        assert is_alive(pid)


def _agents(guarded: Guarded) -> list[dict[str, Any]]:
    done = subprocess.run(
        [client_path(), "agents", "--json", "--all"], env=guarded.environment, cwd=guarded.project,
        capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _background(client: Client, **variables: str) -> None:
    subprocess.run(
        [client_path(), "--bg", "hello", *client.flags], env=client.environment | variables, cwd=client.project,
        capture_output=True, timeout=60, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _in_background(guarded: Guarded, api: ApiStandIn) -> dict[str, Any]:
    """A background session whose turn is over, and that memguard watches."""
    api.reply = Script({"hello": [[text("hello yourself")]]})
    guarded.client.environment = guarded.environment
    _background(guarded.client)
    (agent,) = wait_until(lambda: [a for a in _agents(guarded) if a.get("pid")], "the session", 40)
    wait_until(lambda: len(api.turns) > 0 and guarded.client_pid() == agent["pid"], "its turn", 40)
    shown = json.loads(guarded.memguard("watch", "--pid", str(agent["pid"]), "--json"))
    assert (shown["owner"], shown["way"], shown["restartable"]) == ("background", "service", True)
    return agent


def test_a_background_session_is_restarted_by_the_clients_own_command(guarded: Guarded, api: ApiStandIn) -> None:
    settings = json.loads((guarded.home.claude / "settings.json").read_text())
    # Where everybody has it who starts background sessions against another base URL: see the test below.
    names = ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")
    settings["env"] = {name: guarded.environment[name] for name in names}
    (guarded.home.claude / "settings.json").write_text(json.dumps(settings))
    agent = _in_background(guarded, api)
    guarded.memguard("restart")
    wait_until(lambda: guarded.events("client_relaunched"), "the restart", 60, _why(guarded))
    (after,) = wait_until(
        lambda: [a for a in _agents(guarded) if a.get("pid") not in (None, agent["pid"])], "it again", 40, _why(guarded)
    )
    assert (after["id"], after["sessionId"]) == (agent["id"], agent["sessionId"])
    assert not is_alive(agent["pid"])
    (restart,) = guarded.events("restart_initiated")
    assert "hello" in guarded.memguard("snapshots", "show", restart["snapshot"])
    protection = json.loads((guarded.state / "protection.json").read_text())
    assert [attempt["guard"] for attempt in protection["attempts"]] == [f"job-{agent['id']}"]


def test_a_background_session_that_the_client_would_lose_is_left_alone(guarded: Guarded, api: ApiStandIn) -> None:
    """Its base URL came from the shell that sent it off: the client refuses to respawn it, and no signal follows."""
    agent = _in_background(guarded, api)
    guarded.memguard("restart")
    wait_until(lambda: guarded.events("restart_failed"), "the refusal", 60, _why(guarded))
    assert is_alive(agent["pid"])
    assert guarded.client_pid() == agent["pid"]
    assert guarded.status()["watchdog"]


def test_the_clients_process_wrapper_reaches_background_sessions(client: Client, tmp_path: Path) -> None:
    """A fact of the client's that nothing here relies on: the wrapper must `exec`, so it can't be a launcher."""
    log, wrapper = tmp_path / "wrapped.log", tmp_path / "wrapper"
    wrapper.write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec "$@"\n')
    wrapper.chmod(0o700)
    _background(client, CLAUDE_CODE_PROCESS_WRAPPER=str(wrapper))

    def words() -> str:
        return log.read_text() if log.exists() else ""

    # Started for the session, or as a spare that takes the next one up.
    wait_until(lambda: "--session-id" in words() or "--bg-spare" in words(), "it, through the wrapper", 40, words)
