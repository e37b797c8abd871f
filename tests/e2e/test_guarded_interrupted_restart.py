"""A restart that something comes in the way of: its watchdog is killed half-way, its launcher is stopped."""

from __future__ import annotations

import os
import shlex
import signal
from typing import TYPE_CHECKING

import pytest

from .aftermath import lower_the_limits, the_watchdog, wait_for_nothing_left, watchdogs
from .guarded import Guarded, OnlyOnce
from .harness import Client, Terminal, WaitingTool, is_alive, process_state, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .api_stand_in import ApiStandIn

pytestmark = pytest.mark.e2e

LOOK_OFTEN = "max_attempts = 1\n[monitoring]\nnormal_interval = 1\nwarning_interval = 1\n"


@pytest.fixture
def guarded(client: Client, tmp_path: Path) -> Guarded:
    """The real client, opted in, looked at every second."""
    guarded = Guarded(client, tmp_path / "runtime")
    guarded.config(LOOK_OFTEN)
    guarded.memguard("init")
    return guarded


def test_a_watchdog_killed_after_its_sigterm_does_not_cost_the_session(
    guarded: Guarded, api: ApiStandIn, tmp_path: Path
) -> None:
    """Where a tool ignores SIGTERM, the client mostly takes 1.5 s more: the next watchdog finds it alive but ending."""
    told = tmp_path / "told to end"
    begun = tmp_path / "begun"
    api.reply = OnlyOnce(f"trap 'touch \"{told}\"' TERM; touch '{begun}'; while :; do sleep 0.05; done")
    with guarded.open() as terminal:
        first = guarded.ready(terminal)
        watchdog = the_watchdog(guarded)
        terminal.send("do it")
        wait_until(begun.exists, "the tool")
        lower_the_limits(guarded)
        wait_until(told.exists, "the client's word to its tool", seen=lambda: str(guarded.events()))
        os.kill(watchdog, signal.SIGKILL)
        guarded.next_client(first)
        terminal.wait_for("carried on by itself", 40)
        assert len(watchdogs(guarded)) == 1


def test_an_emergency_while_the_session_is_stopped_leaves_the_shells_terminal_alone(
    guarded: Guarded, api: ApiStandIn, tool: WaitingTool
) -> None:
    """The memory is given back at once, the terminal touched only after `fg`."""
    api.reply = OnlyOnce(tool.command)
    shell = ["bash", "--norc", "--noprofile", "-i"]
    with Terminal(shell, guarded.environment | {"PS1": "shell> "}, guarded.project) as terminal:
        terminal.send(shlex.join(guarded.argv()))
        first = guarded.ready(terminal)
        terminal.send("do it")
        pid = tool.wait_for_run()
        terminal.press("C-z")
        wait_until(lambda: process_state(first) == "T", "stopped client", seen=terminal.screen)
        terminal.send("echo $((40 + 2))")
        terminal.wait_for("\n42\n")
        lower_the_limits(guarded)
        wait_until(lambda: not is_alive(first) and not is_alive(pid), "end of client and tool", 40)
        terminal.send("echo $((50 + 3))")
        terminal.wait_for("\n53\n")
        assert "\n42\n" in terminal.screen()
        assert terminal.modes() == {"alternate_screen": False, "mouse": False, "cursor": True}
        terminal.send("fg")
        second = guarded.next_client(first)
        terminal.wait_for("carried on by itself", 40)
        assert guarded.ready(terminal) == second
        terminal.send("/exit")
        terminal.wait_for(lambda screen: screen.rstrip().endswith("shell>"))
        terminal.send("exit")
        terminal.wait_for_exit()
    wait_for_nothing_left(guarded)
