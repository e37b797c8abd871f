"""Faults of a guarded session with the real client: killed processes, a session in a session, nothing installed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .aftermath import the_watchdog, wait_for_nothing_left, watchdogs
from .api_stand_in import ApiStandIn, Script, bash, text
from .guarded import Guarded
from .harness import WaitingTool

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


def _run(guarded: Guarded, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`memguard run`, with no terminal, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "memguard.cli", "run", *words], cwd=guarded.project,
        env=guarded.environment | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


# --- killed processes ----------------------------------------------------------------------------------------------


def test_a_killed_launcher_in_a_tool_call_leaves_nothing(guarded: Guarded, api: ApiStandIn, tool: WaitingTool) -> None:
    """Not the client, which nobody can use any more, nor its tool, nor what the tool has detached."""
    detached = f"setsid nohup {tool.command} >/dev/null 2>&1 &"
    api.reply = Script({"do it": [[bash(f"{detached} {tool.command}")]]})
    with guarded.open() as terminal:
        guarded.ready(terminal)
        terminal.send("do it")
        tool.wait_for_run(2)
        os.kill(terminal.pid, signal.SIGKILL)
        wait_for_nothing_left(guarded, 30)
    assert guarded.events("restart_initiated") == []


def test_a_killed_watchdog_is_replaced_by_one_that_can_restart(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = Script({"hello": [[text("hello yourself")]], "and now": [[text("still here")]]})
    with guarded.open() as terminal:
        first = guarded.ready(terminal)
        killed = the_watchdog(guarded)
        before = terminal.wait_for("? for shortcuts")  # the client adds its hints a little after it is ready
        os.kill(killed, signal.SIGKILL)
        adopted = the_watchdog(guarded, other_than=killed)
        assert terminal.screen() == before
        terminal.send("hello")
        terminal.wait_for("hello yourself")
        guarded.ready(terminal)
        assert guarded.client_pid() == first
        assert watchdogs(guarded) == [adopted]
        guarded.memguard("restart")
        guarded.next_client(first)
        guarded.ready(terminal)
        terminal.send("and now?")
        terminal.wait_for("still here")
        assert "hello" in api.turns[-1].texts("user")
        assert watchdogs(guarded) == [adopted]
        assert len(guarded.events("restart_initiated")) == 1


# --- where it can't start ------------------------------------------------------------------------------------------


def test_a_session_inside_a_guarded_session_is_refused(guarded: Guarded, api: ApiStandIn) -> None:
    inner = shlex.join([sys.executable, "-m", "memguard.cli", "run", "--", "-p", "hi"])
    api.reply = Script({"do it": [[bash(f"{inner}; echo code $?")], [text("all done")]], "now": [[text("still here")]]})
    with guarded.open() as terminal:
        first = guarded.ready(terminal)
        terminal.send("do it")
        terminal.wait_for("all done")
        (result,) = api.turns[-1].tool_results()
        *said, code = str(result["content"]).splitlines()
        assert code == "code 1"
        assert said[0] == "memguard: this is inside a guarded session already"
        assert len(said) == 2
        terminal.send("and now?")
        terminal.wait_for("still here")
        assert guarded.client_pid() == first
        assert len(list((guarded.runtime / "guards").iterdir())) == 1


def _said_in_one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What happened, once exit code, empty stdout and the one line of what to do next are as they should be."""
    assert (done.returncode, done.stdout) == (1, "")
    what, next_step = done.stderr.splitlines()
    assert next_step.startswith("  ")
    return what


def test_a_client_that_is_not_installed_is_one_clear_line(guarded: Guarded, tmp_path: Path) -> None:
    done = _run(guarded, "--", "-p", "hi", PATH=str(tmp_path))
    assert _said_in_one_line(done) == "memguard: `claude` is not installed, or not on PATH"
    wait_for_nothing_left(guarded)


def test_a_project_that_is_not_opted_in_is_one_clear_line(guarded: Guarded) -> None:
    guarded.memguard("uninstall")
    assert _said_in_one_line(_run(guarded, "--", "-p", "hi")) == "memguard: this project is not opted in"
    wait_for_nothing_left(guarded)
